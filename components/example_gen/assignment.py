"""What becomes of each stored record: a duplicate to reject, or a split and a file in it.

Everything here is a pure function of the entries in the catalogue's order, whichever workers made them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from diptych.components.catalogue.options import DataOptions
from diptych.components.example_gen.row_tables import UNDECLARED, Entries, Table, labels_by_digest
from diptych.models.features import SPLITS
from diptych.models.images.hamming import pairs_within_hamming_distance

#: Of a shard, where data.shards says nothing else: large enough to stream from a store, small enough to share out.
SHARD_BYTES = 128_000_000

KEPT = -1
#: What a rejected entry repeats; a place in this list is its ``reason``.
REPEATS = ("duplicate_id", "duplicate", "near_duplicate")

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Decision:
    """What becomes of the entries of all tables, in the catalogue's order, and no more of them than is still needed.

    Attributes:
        row: number of each entry's row; uint32.
        size: bytes of each record in its TFRecord file; uint32.
        label_set: place in ``label_sets``; int32.
        label_sets: digests of the sets of labels that occur, as ``labels_by_digest`` has them.
        table: which table each entry is of; int32.
        reason: ``KEPT``, or the place in ``REPEATS`` of why it is rejected; int8.
        repeated: the place of the entry that it repeats; its own where it is kept.
        split: place in ``SPLITS``; -1 where it is rejected; int8.
        shard: number of the file in its split; int32.
        shards: number of files of each split.
    """

    row: NDArray[np.uint32]
    size: NDArray[np.uint32]
    label_set: NDArray[np.int32]
    label_sets: list[bytes]
    table: NDArray[np.int32]
    reason: NDArray[np.int8]
    repeated: Places
    split: NDArray[np.int8]
    shard: NDArray[np.int32]
    shards: tuple[int, ...]


def resolve(tables: Sequence[Table], data: DataOptions) -> Decision:
    """Decides on every entry.

    Args:
        tables: of all chunks, in the catalogue's order.
    """
    entries = np.concatenate([table.entries for table in tables])
    number = np.repeat(np.arange(len(tables), dtype=np.int32), [len(table.entries) for table in tables])
    reason, repeated = find_repeats(entries, data)
    kept = np.flatnonzero(reason == KEPT)
    cluster = join_clusters(entries[kept], data)
    split = np.full(len(entries), UNDECLARED, np.int8)
    split[kept] = choose_splits(entries[kept], cluster, labels_by_digest(table.labels for table in tables), data)
    # A column is a view of all of them until it is copied.
    row, size = entries["row"].copy(), entries["bytes"].copy()
    label_sets, label_set = np.unique(entries["labels"], return_inverse=True)
    return Decision(
        row,
        size,
        label_set.reshape(-1).astype(np.int32),
        label_sets.tolist(),
        number,
        reason,
        repeated,
        split,
        *choose_shards(size, split, data.shards),
    )


def find_repeats(entries: Entries, data: DataOptions) -> tuple[NDArray[np.int8], Places]:
    """Why each entry is rejected, and which earlier entry it repeats."""
    reason = np.full(len(entries), KEPT, np.int8)
    repeated = np.arange(len(entries))

    def refuse(name: str, places: Places, earlier: Places) -> None:
        reason[places] = REPEATS.index(name)
        repeated[places] = earlier

    if data.columns.id:
        refuse("duplicate_id", *_later(entries["id"], np.arange(len(entries))))
    repeats = {"drop": "pixels", "together": "content"}.get(data.duplicates.exact)
    if repeats:
        kept = np.flatnonzero(reason == KEPT)
        refuse("duplicate", *_later(entries[repeats][kept], kept))
    if data.duplicates.near == "drop":
        kept = np.flatnonzero(reason == KEPT)
        refuse("near_duplicate", *_near_kept(entries["phash"][kept], data.duplicates.distance, kept))
    return reason, repeated


def _later(values: NDArray[Any], places: Places) -> tuple[Places, Places]:
    """Places of values that occur before, and the place of each one's first occurrence."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    earlier = first[inverse.reshape(-1)]
    later = np.flatnonzero(earlier != np.arange(len(values)))
    return places[later], places[earlier[later]]


def _near_kept(hashes: NDArray[np.int64], distance: int, places: Places) -> tuple[Places, Places]:
    """Of each hash that is near an earlier kept one: its place, and the kept one's."""
    pairs = pairs_within_hamming_distance(hashes, distance)
    owner: dict[int, int] = {}
    # In the order of the later ones, so that whoever is kept is known before it is asked for. A hash equal to a
    # dropped one repeats what that one repeats: only the first of equal hashes is compared with others.
    for earlier, later in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))].tolist():
        if later in owner:
            continue
        if earlier not in owner:
            owner[later] = earlier
        elif hashes[earlier] == hashes[later]:
            owner[later] = owner[earlier]
    later_places, earlier_places = np.array(list(owner), np.intp), np.array(list(owner.values()), np.intp)
    return places[later_places], places[earlier_places]


def join_clusters(entries: Entries, data: DataOptions) -> NDArray[np.int32]:
    """The cluster of each entry: what a split must not part, joined by group, by pixels and by nearness."""
    count = len(entries)
    grouped = np.flatnonzero(entries["group"] != b"")
    links = [np.stack(_later(entries["group"][grouped], grouped), axis=1)]
    if data.duplicates.exact != "keep":
        links.append(np.stack(_later(entries["pixels"], np.arange(count)), axis=1))
    if data.duplicates.near == "together":
        links.append(pairs_within_hamming_distance(entries["phash"], data.duplicates.distance))
    ends = np.concatenate(links)
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(count, count))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def choose_splits(
    entries: Entries, cluster: NDArray[np.int32], names: Mapping[bytes, tuple[str, ...]], data: DataOptions
) -> NDArray[np.int8]:
    """Place in ``SPLITS`` of each entry: the declared one, else by the hash of its cluster's key against the shares.

    A cluster's key is the least of its members': a member's is its group, else its pixels. It so depends on no row
    outside the cluster. Rows that join two clusters of different splits must move one of them, whatever the rule.

    Args:
        names: see ``labels_by_digest``.
    """
    declared: NDArray[np.int8] = entries["split"]
    if data.columns.split or not len(entries):
        return declared
    keys = np.where(entries["group"] != b"", entries["group"], entries["pixels"])
    order = np.lexsort((keys, cluster))
    first = order[np.flatnonzero(np.diff(cluster[order], prepend=-1))]
    positions = np.array([_position(key, data.seed) for key in keys[first].tolist()])
    if data.stratify:
        bounds = _stratified_bounds(
            rarest_labels(entries["labels"], names)[first], positions, np.bincount(cluster), data
        )
    else:
        bounds = np.broadcast_to(_shares(data), (len(first), len(SPLITS) - 1))
    chosen: NDArray[np.int8] = (positions[:, None] >= bounds).sum(axis=1).astype(np.int8)[cluster]
    return chosen


def rarest_labels(sets: NDArray[Any], names: Mapping[bytes, tuple[str, ...]]) -> NDArray[np.int32]:
    """A number for the label that each row is stratified by: of its labels the one that fewest rows have.

    Whole sets of labels would not do, for most of them may occur once. It is where K. Sechidis et al., "On the
    Stratification of Multi-Label Data" (2011), begin: frequent labels get their shares from many rows, rare ones have
    but those few.

    Args:
        sets: digest of each row's labels.
        names: see ``labels_by_digest``.
    """
    distinct, of_row, counts = np.unique(sets, return_inverse=True, return_counts=True)
    frequency: Counter[str] = Counter()
    for labels, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        frequency.update(dict.fromkeys(names[labels], count))
    # Of equally rare ones, the first by name.
    in_order = sorted(frequency, key=lambda label: (frequency[label], label))
    places = {label: place for place, label in enumerate(in_order)}
    rarest = np.array([min(places[label] for label in names[labels]) for labels in distinct.tolist()], np.int32)
    found: NDArray[np.int32] = rarest[of_row.reshape(-1)]
    return found


def _shares(data: DataOptions) -> NDArray[np.float64]:
    """Cumulated shares of all splits but the last."""
    shares: NDArray[np.float64] = np.cumsum([getattr(data.splits, split) for split in SPLITS])[:-1]
    return shares


def _position(key: bytes, seed: int) -> float:
    """0 to 1, by SHA-256."""
    digest = hashlib.sha256(b"%d:%s" % (seed, key.ljust(16, b"\0"))).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _stratified_bounds(
    labels: NDArray[Any], positions: NDArray[np.float64], sizes: NDArray[np.intp], data: DataOptions
) -> NDArray[np.float64]:
    """For each cluster the positions at which its label's clusters are cut so that rows have the shares asked for.

    Args:
        labels: of each cluster (that of the member whose key it bears).
        positions: of each cluster.
        sizes: rows of each cluster.

    Returns:
        ``[clusters, splits - 1]``.
    """
    shares = _shares(data)
    bounds = np.empty((len(labels), len(shares)))
    _, of_label = np.unique(labels, return_inverse=True)
    by_label = np.argsort(of_label.reshape(-1), kind="stable")
    starts = np.flatnonzero(np.diff(of_label.reshape(-1)[by_label])) + 1
    for members in np.split(by_label, starts):
        ordered = members[np.argsort(positions[members])]
        rows = np.concatenate([[0], np.cumsum(sizes[ordered])])
        # As many clusters as come nearest to the share; the bound lies half-way to the next.
        counts = np.abs(rows[None, :] / rows[-1] - shares[:, None]).argmin(axis=1)
        edges = np.concatenate([[0.0], positions[ordered], [1.0]])
        bounds[members] = (edges[counts] + edges[counts + 1]) / 2
    return bounds


def choose_shards(
    sizes: NDArray[np.uint32], split: NDArray[np.int8], asked: int | None
) -> tuple[NDArray[np.int32], tuple[int, ...]]:
    """Cuts each split, in order, into files of about equal size.

    Args:
        sizes: bytes of each entry.
        asked: number of files per split; None for files of about ``SHARD_BYTES``.

    Returns:
        The file of each entry, and the number of files of each split.
    """
    shard = np.zeros(len(sizes), np.int32)
    counts = []
    for number in range(len(SPLITS)):
        places = np.flatnonzero(split == number)
        ends = np.cumsum(sizes[places], dtype=np.int64)
        total = int(ends[-1]) if len(places) else 0
        count = min(asked or max(1, round(total / SHARD_BYTES)), max(1, len(places)))
        middles = ends - sizes[places] / 2
        shard[places] = np.minimum(middles * count // max(total, 1), count - 1)
        counts.append(count)
    return shard, tuple(counts)
