"""Splits: which records go to train, val and test. A cluster of records always goes to one split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.options import DataOptions
from diptych.components.example_gen.record_index import IndexEntries
from diptych.models.features import SPLITS


def choose_splits(
    entries: IndexEntries, clusters: NDArray[np.int32], labels: Mapping[bytes, tuple[str, ...]], data: DataOptions
) -> NDArray[np.int8]:
    """The split of each record: the declared one, else by the hash of its cluster's key, compared with the ratios.

    The key of a cluster is the least key of its members; the key of a member is its group, or its pixels without one.
    It does not depend on any row outside the cluster. A later row that joins two clusters of different splits must move
    one of them, whatever the rule.

    Args:
        clusters: number of the cluster of each record.
        labels: the sets of labels by their digest.

    Returns:
        Places in ``SPLITS``, int8.
    """
    declared: NDArray[np.int8] = entries["split"]
    if data.columns.split or not len(entries):
        return declared
    keys = np.where(entries["group"] != b"", entries["group"], entries["pixels"])
    order = np.lexsort((keys, clusters))
    # Of each cluster, the member with the least key.
    first = order[np.flatnonzero(np.diff(clusters[order], prepend=-1))]
    positions = np.array([_hash_position(key, data.seed) for key in keys[first].tolist()])
    if data.stratify:
        strata = rarest_labels(entries["labels"], labels)[first]
        bounds = _stratified_bounds(strata, positions, np.bincount(clusters), data)
    else:
        bounds = np.broadcast_to(_cumulative_ratios(data), (len(first), len(SPLITS) - 1))
    chosen: NDArray[np.int8] = (positions[:, None] >= bounds).sum(axis=1).astype(np.int8)[clusters]
    return chosen


def rarest_labels(digests: NDArray[Any], labels: Mapping[bytes, tuple[str, ...]]) -> NDArray[np.int32]:
    """A number for the label that each record is stratified by: of its labels the one that fewest records have.

    Records are not stratified by whole sets of labels, because most sets may occur only once. K. Sechidis et al., "On
    the Stratification of Multi-Label Data" (2011), start from the rarest label for the same reason as here: frequent
    labels get their ratios from many records, rare ones only from a few.

    Args:
        digests: of the labels of each record.
        labels: the sets of labels by their digest.
    """
    distinct, inverse, counts = np.unique(digests, return_inverse=True, return_counts=True)
    frequency: Counter[str] = Counter()
    for digest, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        frequency.update(dict.fromkeys(labels[digest], count))
    # Equally rare labels are ordered by name.
    rarest_first = sorted(frequency, key=lambda label: (frequency[label], label))
    ranks = {label: rank for rank, label in enumerate(rarest_first)}
    rarest = np.array([min(ranks[label] for label in labels[digest]) for digest in distinct.tolist()], np.int32)
    found: NDArray[np.int32] = rarest[inverse.reshape(-1)]
    return found


def _cumulative_ratios(data: DataOptions) -> NDArray[np.float64]:
    """The cumulative ratios of all splits but the last."""
    ratios: NDArray[np.float64] = np.cumsum([getattr(data.splits, split) for split in SPLITS])[:-1]
    return ratios


def _hash_position(key: bytes, seed: int) -> float:
    """A number from 0 to 1 that is uniformly distributed over keys: the SHA-256 of seed and key."""
    digest = hashlib.sha256(b"%d:%s" % (seed, key.ljust(16, b"\0"))).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _stratified_bounds(
    strata: NDArray[Any], positions: NDArray[np.float64], sizes: NDArray[np.intp], data: DataOptions
) -> NDArray[np.float64]:
    """For each cluster the positions that separate the splits of its stratum so that rows have the ratios asked for.

    Args:
        strata: the label of each cluster: that of the member whose key the cluster has.
        positions: of each cluster.
        sizes: number of records of each cluster.

    Returns:
        float64 ``[clusters, splits - 1]``.
    """
    ratios = _cumulative_ratios(data)
    bounds = np.empty((len(strata), len(ratios)))
    _, inverse = np.unique(strata, return_inverse=True)
    by_stratum = np.argsort(inverse.reshape(-1), kind="stable")
    starts = np.flatnonzero(np.diff(inverse.reshape(-1)[by_stratum])) + 1
    for members in np.split(by_stratum, starts):
        ordered = members[np.argsort(positions[members])]
        rows = np.concatenate([[0], np.cumsum(sizes[ordered])])
        # As many clusters as come nearest to the ratio; the bound lies half-way to the next cluster.
        counts = np.abs(rows[None, :] / rows[-1] - ratios[:, None]).argmin(axis=1)
        edges = np.concatenate([[0.0], positions[ordered], [1.0]])
        bounds[members] = (edges[counts] + edges[counts + 1]) / 2
    return bounds
