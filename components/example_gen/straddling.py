"""Clusters that straddle declared splits: equal images, and groups, of which some are in train and some in test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diptych.components.example_gen.duplicates import Places


def move_together(declared: NDArray[np.int8], clusters: NDArray[np.int32]) -> NDArray[np.int8]:
    """The declared splits, where all records of a cluster go to the split of them that is judged last.

    Args:
        declared: place in ``SPLITS`` of each record, or ``NO_SPLIT``. The later a split is there, the later it is
            judged.
        clusters: number of the cluster of each record.
    """
    moved: NDArray[np.int8] = _latest_split(declared, clusters)[clusters]
    return moved


def find_straddling(declared: NDArray[np.int8], clusters: NDArray[np.int32]) -> tuple[Places, Places]:
    """The records whose cluster has a record in a split that is judged later, and for each the first such record.

    Args:
        declared, clusters: see ``move_together``.
    """
    latest = _latest_split(declared, clusters)
    is_latest = declared == latest[clusters]
    first_kept = np.full(len(latest), len(declared), np.intp)
    np.minimum.at(first_kept, clusters[is_latest], np.flatnonzero(is_latest))
    dropped = np.flatnonzero(~is_latest)
    return dropped, first_kept[clusters[dropped]]


def _latest_split(declared: NDArray[np.int8], clusters: NDArray[np.int32]) -> NDArray[np.int8]:
    latest = np.full(int(clusters.max(initial=-1)) + 1, -1, np.int8)
    np.maximum.at(latest, clusters, declared)
    return latest
