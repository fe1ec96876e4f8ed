"""Splits: which records go to train, val and test. Where nothing is declared, a cluster always goes to one split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.options import DataOptions
from diptych.components.example_gen.record_index import IndexEntries
from diptych.models.features import SPLITS, TRAIN


def missing_splits(declared: NDArray[np.int8]) -> list[int]:
    """The splits, as places in ``SPLITS``, that no record is declared to be in."""
    return [number for number in range(len(SPLITS)) if not (declared == number).any()]


def choose_splits(
    entries: IndexEntries, clusters: NDArray[np.int32], labels: Mapping[bytes, tuple[str, ...]], data: DataOptions
) -> NDArray[np.int8]:
    """The split of each record: the declared one, else by the hash of its cluster's key, compared with the ratios.

    The key of a cluster is the least key of its members; the key of a member is its group, or its pixels without one.
    It does not depend on any row outside the cluster. A later row that joins two clusters of different splits must move
    one of them, whatever the rule.

    Splits that are not declared, while others are, are taken from train in the same way, by the ratios among train and
    them. A cluster that is not in train alone stays as declared.

    Args:
        clusters: number of the cluster of each record.
        labels: the sets of labels by their digest.

    Returns:
        Places in ``SPLITS``, int8.
    """
    chosen: NDArray[np.int8] = entries["split"].copy()
    missing = missing_splits(chosen)
    if not missing or not len(entries):
        return chosen
    train = SPLITS.index(TRAIN)
    to_share = np.ones(len(entries), bool)
    if len(missing) < len(SPLITS):
        to_share = (np.bincount(clusters, chosen != train) == 0)[clusters]
    shared = np.flatnonzero(to_share)
    if len(shared):
        _, own_clusters = np.unique(clusters[shared], return_inverse=True)
        splits, ratios = share_ratios(missing, data)
        chosen[shared] = splits[_share_out(entries[shared], own_clusters.reshape(-1), labels, ratios, data)]
    return chosen


def share_ratios(missing: Sequence[int], data: DataOptions) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """The splits that records are shared out to, as places in ``SPLITS``, and cumulative ratios of all but the last.

    Args:
        missing: see ``missing_splits``.
    """
    splits = np.array(sorted({SPLITS.index(TRAIN), *missing}), np.int8)
    ratios = np.array([getattr(data.splits, SPLITS[split]) for split in splits])
    return splits, np.cumsum(ratios / ratios.sum())[:-1]


def _share_out(
    entries: IndexEntries,
    clusters: NDArray[np.intp],
    labels: Mapping[bytes, tuple[str, ...]],
    ratios: NDArray[np.float64],
    data: DataOptions,
) -> NDArray[np.intp]:
    """The number of the part that each record goes to.

    Args:
        ratios: the cumulative ratios of all parts but the last.
    """
    keys = np.where(entries["group"] != b"", entries["group"], entries["pixels"])
    order = np.lexsort((keys, clusters))
    # Of each cluster, the member with the least key.
    first = order[np.flatnonzero(np.diff(clusters[order], prepend=-1))]
    positions = np.array([hash_position(key, data.seed) for key in keys[first].tolist()])
    if data.stratify:
        strata = rarest_labels(entries["labels"], labels)[first]
        bounds = _stratified_bounds(strata, positions, np.bincount(clusters), ratios)
    else:
        bounds = np.broadcast_to(ratios, (len(first), len(ratios)))
    parts: NDArray[np.intp] = (positions[:, None] >= bounds).sum(axis=1)[clusters]
    return parts


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
    ranks = rank_labels(frequency)
    rarest = np.array([least_rank(labels[digest], ranks) for digest in distinct.tolist()], np.int32)
    found: NDArray[np.int32] = rarest[inverse.reshape(-1)]
    return found


def rank_labels(frequency: Mapping[str, int]) -> dict[str, int]:
    """The rank of each label, the rarest first; equally rare ones are ordered by name."""
    rarest_first = sorted(frequency, key=lambda label: (frequency[label], label))
    return {label: rank for rank, label in enumerate(rarest_first)}


def least_rank(labels: Iterable[str], ranks: Mapping[str, int]) -> int:
    """The rank of the rarest of some labels."""
    return min(ranks[label] for label in labels)


def hash_position(key: bytes, seed: int) -> float:
    """A number from 0 to 1 that is uniformly distributed over keys: the SHA-256 of seed and key."""
    digest = hashlib.sha256(b"%d:%s" % (seed, key.ljust(16, b"\0"))).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _stratified_bounds(
    strata: NDArray[Any], positions: NDArray[np.float64], sizes: NDArray[np.intp], ratios: NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each cluster the positions that separate the parts of its stratum so that rows have the ratios asked for.

    Args:
        strata: the label of each cluster: that of the member whose key the cluster has.
        positions: of each cluster.
        sizes: number of records of each cluster.
        ratios: the cumulative ratios of all parts but the last.

    Returns:
        float64 ``[clusters, parts - 1]``.
    """
    bounds = np.empty((len(strata), len(ratios)))
    _, inverse = np.unique(strata, return_inverse=True)
    by_stratum = np.argsort(inverse.reshape(-1), kind="stable")
    starts = np.flatnonzero(np.diff(inverse.reshape(-1)[by_stratum])) + 1
    for members in np.split(by_stratum, starts):
        ordered = members[np.argsort(positions[members])]
        bounds[members] = stratum_bounds(positions[ordered], np.cumsum(sizes[ordered]), ratios)
    return bounds


def stratum_bounds(
    positions: NDArray[np.float64], rows: NDArray[np.int64], ratios: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The positions that separate the parts of a stratum.

    Args:
        positions: of its clusters, ascending.
        rows: number of records of each cluster and all before it.
        ratios: the cumulative ratios of all parts but the last.
    """
    # As many clusters as come nearest to the ratio; the bound lies half-way to the next cluster.
    counts = np.abs(np.concatenate([[0], rows])[None, :] / rows[-1] - ratios[:, None]).argmin(axis=1)
    edges = np.concatenate([[0.0], positions, [1.0]])
    bounds: NDArray[np.float64] = (edges[counts] + edges[counts + 1]) / 2
    return bounds
