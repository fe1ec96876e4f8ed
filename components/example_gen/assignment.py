"""What becomes of each record: it is rejected as a duplicate, or goes to a shard of a split.

The result depends only on the records' index in the catalogue's order, not on which workers made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.declared_splits import how_to_ignore, no_train_message
from diptych.components.catalogue.options import DataOptions, SplitRatios
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk
from diptych.components.example_gen.duplicates import DUPLICATE_REASONS, KEPT, Places, find_duplicates, join_clusters
from diptych.components.example_gen.record_index import NO_SPLIT, ChunkIndex, ChunkSummary, IndexEntries
from diptych.components.example_gen.splits import choose_splits, missing_splits
from diptych.components.example_gen.straddling import find_straddling, move_together
from diptych.models.features import SPLITS, TRAIN

#: Size of a shard without ``data.shards``: large enough to stream from a store, small enough to share out.
SHARD_BYTES = 128_000_000


@dataclass(frozen=True)
class Original:
    """The record that another one repeats.

    Attributes:
        source: URI of its source.
        row: number of its row.
        declared: place in ``SPLITS`` of the split that the catalogue declares, or ``NO_SPLIT``.
    """

    source: str
    row: int
    declared: int


@dataclass(frozen=True)
class Assignment:
    """What becomes of the records of all chunks.

    The arrays have one element for each record, in the catalogue's order.

    Attributes:
        chunks: the chunks in the catalogue's order.
        chunk: place in ``chunks`` of each record's chunk; int32.
        row: number of each record's row; uint32.
        size: bytes of each record in its TFRecord file; uint32.
        label_sets: the different sets of labels.
        label_set: place in ``label_sets``; int32.
        reason: ``KEPT``, or the place in ``DUPLICATE_REASONS`` of why the record is rejected; int8.
        original: the place of the record that it repeats; its own if it is kept.
        declared: place in ``SPLITS`` of the split that the catalogue declares, or ``NO_SPLIT``; int8.
        split: place in ``SPLITS``; ``NO_SPLIT`` if it is rejected; int8.
        shard: number of the shard in its split; int32.
        shards: number of shards of each split.
    """

    chunks: Sequence[ChunkSummary]
    chunk: NDArray[np.int32]
    row: NDArray[np.uint32]
    size: NDArray[np.uint32]
    label_sets: Sequence[tuple[str, ...]]
    label_set: NDArray[np.int32]
    reason: NDArray[np.int8]
    original: Places
    declared: NDArray[np.int8]
    split: NDArray[np.int8]
    shard: NDArray[np.int32]
    shards: tuple[int, ...]

    @property
    def rows(self) -> int:
        """The number of rows of the catalogue, rejects included."""
        return sum(summary.chunk.rows for summary in self.chunks)

    @property
    def declared_splits(self) -> list[int]:
        """The splits, as places in ``SPLITS``, that the catalogue declares for any record."""
        return [split for split in np.unique(self.declared).tolist() if split != NO_SPLIT]

    def chunk_of(self, place: int) -> Chunk:
        """The chunk of a record."""
        return self.chunks[int(self.chunk[place])].chunk

    def original_of(self, place: int) -> Original:
        """The record that a rejected one repeats."""
        original = int(self.original[place])
        return Original(self.chunk_of(original).source, int(self.row[original]), int(self.declared[original]))


def assign_splits(indexes: Iterable[ChunkIndex], data: DataOptions) -> Assignment:
    """Finds duplicates among the records of all chunks, and chooses the split and shard of the others.

    Args:
        indexes: of all chunks, in any order.

    Raises:
        CatalogueError: there is no row; or no row is declared to be train, while others are declared; or all splits are
            declared, and the settings ask for others.
    """
    ordered = sorted(indexes, key=lambda index: index.summary.chunk)
    if not ordered:
        raise CatalogueError(f"data.catalogue: '{data.catalogue}' has no row")
    entries = np.concatenate([index.entries for index in ordered])
    # NumPy returns digests without the zero bytes that they may end with.
    labels = {digest.rstrip(b"\0"): names for index in ordered for digest, names in index.labels.items()}
    declared = entries["split"].copy()
    reason, original = _choose_kept(entries, data)
    kept = np.flatnonzero(reason == KEPT)
    check_declared(missing_splits(entries["split"][kept]), data)
    split = np.full(len(entries), NO_SPLIT, np.int8)
    split[kept] = choose_splits(entries[kept], join_clusters(entries[kept], data), labels, data)
    # A field of the entries keeps all of them in memory until it is copied.
    row, size = entries["row"].copy(), entries["bytes"].copy()
    digests, label_set = np.unique(entries["labels"], return_inverse=True)
    return Assignment(
        [index.summary for index in ordered],
        np.repeat(np.arange(len(ordered), dtype=np.int32), [len(index.entries) for index in ordered]),
        row,
        size,
        [labels[digest] for digest in digests.tolist()],
        label_set.reshape(-1).astype(np.int32),
        reason,
        original,
        declared,
        split,
        *choose_shards(size, split, data.shards),
    )


def _choose_kept(entries: IndexEntries, data: DataOptions) -> tuple[NDArray[np.int8], Places]:
    """What ``find_duplicates`` returns, and likewise for records that straddle declared splits.

    Of records in several declared splits, those in the split that is judged last are preferred, so that no test set
    shrinks. Records that move get another split in ``entries``.
    """
    reason = np.full(len(entries), KEPT, np.int8)
    original = np.arange(len(entries))
    if data.straddling == "move":
        entries["split"] = move_together(entries["split"], join_clusters(entries, data))
    if data.straddling == "drop":
        dropped, kept_in_their_place = find_straddling(entries["split"], join_clusters(entries, data))
        reason[dropped] = DUPLICATE_REASONS.index("straddling")
        original[dropped] = kept_in_their_place
    kept = np.flatnonzero(reason == KEPT)
    preferred = kept[np.argsort(-entries["split"][kept], kind="stable")]
    found, earlier = find_duplicates(entries[preferred], data)
    reason[preferred], original[preferred] = found, preferred[earlier]
    return reason, original


def check_declared(missing: Sequence[int], data: DataOptions) -> None:
    """Checks the declared splits of the records that are kept.

    Args:
        missing: those that no record is declared to be in, as places in ``SPLITS``.

    Raises:
        CatalogueError: see ``assign_splits``.
    """
    if SPLITS.index(TRAIN) in missing and len(missing) < len(SPLITS):
        declared_splits = [split for place, split in enumerate(SPLITS) if place not in missing]
        raise CatalogueError(no_train_message(declared_splits, data))
    for key, is_set in {"data.stratify": data.stratify, "data.splits": data.splits != SplitRatios()}.items():
        if is_set and not missing:
            raise CatalogueError(
                f"{key}: the catalogue declares train, val and test, so nothing is left to split; leave out {key}, "
                f"or {how_to_ignore(data)}"
            )


def choose_shards(
    sizes: NDArray[np.uint32], split: NDArray[np.int8], count: int | None
) -> tuple[NDArray[np.int32], tuple[int, ...]]:
    """Cuts each split, in order, into shards of about equal size.

    Args:
        sizes: bytes of each record.
        split: place in ``SPLITS`` of each record, or ``NO_SPLIT``.
        count: number of shards of a split; None for shards of about ``SHARD_BYTES``.

    Returns:
        The shard of each record in its split, and the number of shards of each split.
    """
    shard = np.zeros(len(sizes), np.int32)
    shards = []
    for number in range(len(SPLITS)):
        places = np.flatnonzero(split == number)
        total = int(sizes[places].sum(dtype=np.int64))
        of_split = count_shards(len(places), total, count)
        shard[places] = number_shards(sizes[places], 0, total, of_split)
        shards.append(of_split)
    return shard, tuple(shards)


def count_shards(records: int, total: int, count: int | None) -> int:
    """The number of shards of a split.

    Args:
        total: bytes of its records.
        count: see ``choose_shards``.
    """
    return min(count or max(1, round(total / SHARD_BYTES)), max(1, records))


def number_shards(sizes: NDArray[np.uint32], before: int, total: int, shards: int) -> NDArray[np.int32]:
    """The shard of each of some consecutive records of a split.

    Args:
        sizes: bytes of each record.
        before: bytes of the split's records before these.
        total: bytes of all records of the split.
        shards: number of shards of the split.
    """
    middles = before + np.cumsum(sizes, dtype=np.int64) - sizes / 2
    return np.minimum(middles * shards // max(total, 1), shards - 1).astype(np.int32)
