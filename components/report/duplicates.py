"""Groups of rows whose images are equal or similar."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from diptych.models.images.hamming import pairs_within_hamming_distance

#: The most bits, of 64, in which the perceptual hashes of similar images differ.
NEAR_DUPLICATE_BITS = 3

#: The indices of the rows of a group.
RowGroup = NDArray[np.int64]


def exact_duplicate_groups(digests: NDArray[Any]) -> list[RowGroup]:
    """Groups of rows with equal digests, largest first.

    Args:
        digests: str ``[rows]``; a row with an empty one is in no group.
    """
    _, numbers = np.unique(digests.astype(str), return_inverse=True)
    return [group for group in _group_equal(numbers.ravel()) if digests[group[0]]]


def near_duplicate_groups(hashes: NDArray[np.int64], digests: NDArray[Any]) -> list[RowGroup]:
    """Groups of rows that chains of similar images connect, largest first. Of equal images only the first is included.

    Args:
        hashes: perceptual hashes, int64 ``[rows]``.
        digests: str ``[rows]``, equal for equal images.
    """
    _, first = np.unique(digests.astype(str), return_index=True)
    rows = np.sort(first)
    pairs = pairs_within_hamming_distance(hashes[rows].astype(np.int64), NEAR_DUPLICATE_BITS)
    graph = coo_matrix((np.ones(len(pairs), bool), pairs.T), (len(rows), len(rows)))
    _, numbers = connected_components(graph, directed=False)
    return [rows[group] for group in _group_equal(numbers)]


def _group_equal(numbers: NDArray[Any]) -> list[RowGroup]:
    """The indices of each number that occurs more than once, most frequent number first."""
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return sorted((part for part in parts if len(part) > 1), key=lambda part: (-len(part), part[0]))
