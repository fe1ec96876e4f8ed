"""Records in blocks of consecutive chunks, column by column in files; and what has been decided of them so far."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.duplicates import DUPLICATE_REASONS, KEPT
from diptych.components.example_gen.external.exchange import LINK_DTYPE, Exchange, Partitions
from diptych.components.example_gen.external.stages import Counts, Stage
from diptych.components.example_gen.index_files import IndexFile, make_summary, read_index
from diptych.components.example_gen.record_index import ChunkIndex, ChunkSummary
from diptych.models.features import SPLITS

#: Most records of a block, unless a single chunk has more. With what a task makes of it, a block takes 0.4 GB.
RECORDS_PER_BLOCK = 1 << 20

#: Columns that hold a digest, as two numbers whose order is that of its bytes.
_DIGESTS = ("id", "pixels", "content", "group")
_PLAIN = ("row", "bytes", "phash", "split")

Places = NDArray[np.int64]
#: Records with their split; see ``nodes_of``.
Nodes = NDArray[np.int64]


@dataclass(frozen=True)
class Blocks:
    """Records in blocks; the number of a record in the catalogue's order is its place.

    Attributes:
        folder: URI of the folder of all work files of the stages.
        starts: the place of the first record of each block, and the number of all records.
    """

    folder: str
    data: DataOptions
    starts: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of blocks."""
        return len(self.starts) - 1

    def places(self, block: int) -> Places:
        """The places of the records of a block."""
        return np.arange(self.starts[block], self.starts[block + 1])

    def locate(self, block: int, places: Places) -> NDArray[np.intp]:
        """Where in a block its places are."""
        return places - self.starts[block]

    def of(self, places: Places) -> Partitions:
        """The block of each place."""
        return np.searchsorted(self.starts[1:], places, side="right")

    def exchange(self, name: str, dtype: np.dtype[Any] = LINK_DTYPE, spread: int = 1, writers: int = 0) -> Exchange:
        """What the tasks of one stage write for those of another.

        Args:
            spread: partitions for each block.
            writers: number of tasks that write; 0 for one of each block.
        """
        return Exchange(os.path.join(self.folder, name), dtype, writers or self.count, spread * self.count)

    def save(self, block: int, column: str, values: NDArray[Any]) -> None:
        """Keeps a column of a block."""
        with write_stream(self._file(block, f"{column}.npy")) as file:
            np.save(file, values, allow_pickle=False)

    def load(self, block: int, column: str) -> NDArray[Any]:
        """A column of a block."""
        with open_file(self._file(block, f"{column}.npy")) as file:
            values: NDArray[Any] = np.load(file, allow_pickle=False)
        return values

    def load_labels(self, block: int) -> list[tuple[str, ...]]:
        """The sets of labels that the column ``label_set`` numbers."""
        return [tuple(names) for names in self.load_json(block, "labels")]

    def load_summaries(self, block: int) -> list[ChunkSummary]:
        """The chunks that the column ``chunk`` numbers."""
        return list(map(make_summary, self.load_json(block, "chunks")))

    def save_json(self, block: int, name: str, values: Any) -> None:
        """Keeps something else of a block."""
        with write_stream(self._file(block, f"{name}.json")) as file:
            file.write(json.dumps(values).encode())

    def load_json(self, block: int, name: str) -> Any:
        """What ``save_json`` has kept."""
        with open_file(self._file(block, f"{name}.json")) as file:
            return json.load(file)

    def _file(self, block: int, name: str) -> str:
        return os.path.join(self.folder, "blocks", f"{block:05d}", name)


def plan_blocks(files: Sequence[IndexFile], data: DataOptions, folder: str, most: int) -> tuple[Blocks, Stage]:
    """Puts consecutive chunks together; returns the blocks, and the stage that writes their columns.

    Args:
        files: of all chunks, in the catalogue's order.
        folder: URI of a folder for work files.
        most: records of a block.
    """
    groups: list[list[IndexFile]] = [[]]
    for file in files:
        if groups[-1] and sum(one.records for one in groups[-1]) + file.records > most:
            groups.append([])
        groups[-1].append(file)
    sizes = [sum(one.records for one in group) for group in groups]
    blocks = Blocks(folder, data, tuple(accumulate(sizes, initial=0)))
    for number, group in enumerate(groups):
        blocks.save_json(number, "files", [file.uri for file in group])
    return blocks, Stage("gather", blocks.count, partial(_gather, blocks))


def _gather(blocks: Blocks, block: int) -> Counts:
    """Writes the columns of a block; counts the splits that its records are declared to be in."""
    indexes = [read_index(uri) for uri in blocks.load_json(block, "files")]
    entries = np.concatenate([index.entries for index in indexes])
    for name in _PLAIN:
        blocks.save(block, name, entries[name])
    for name in _DIGESTS:
        blocks.save(block, name, _as_numbers(entries[name]))
    # NumPy returns digests without the zero bytes that they may end with.
    labels = {digest.rstrip(b"\0"): names for index in indexes for digest, names in index.labels.items()}
    digests, label_set = np.unique(entries["labels"], return_inverse=True)
    blocks.save(block, "label_set", label_set.reshape(-1).astype(np.int32))
    blocks.save_json(block, "labels", [labels[digest] for digest in digests.tolist()])
    blocks.save(block, "chunk", np.repeat(np.arange(len(indexes), dtype=np.int32), list(map(_count, indexes))))
    blocks.save_json(block, "chunks", [asdict(index.summary) for index in indexes])
    return count_splits(entries["split"])


def _count(index: ChunkIndex) -> int:
    return len(index.entries)


def _as_numbers(digests: NDArray[Any]) -> NDArray[np.uint64]:
    """Digests as uint64 ``[n, 2]``, whose order is that of the bytes."""
    return np.ascontiguousarray(digests).view(">u8").reshape(-1, 2).astype(np.uint64)


def count_splits(splits: NDArray[np.int8]) -> Counts:
    """The number of records by their split, a place in ``SPLITS`` or ``NO_SPLIT``."""
    numbers, counts = np.unique(splits, return_counts=True)
    return Counter(dict(zip(map(str, numbers.tolist()), counts.tolist(), strict=True)))


@dataclass(frozen=True)
class Decisions:
    """What has been decided of records so far.

    Attributes:
        moved: of records that move to another declared split, their place and a node with that split.
        rejected: of records that are rejected, their place and the node that they repeat, with the reason's place in
            ``DUPLICATE_REASONS``.
    """

    blocks: Blocks
    moved: tuple[Exchange, ...] = ()
    rejected: tuple[tuple[int, Exchange], ...] = ()

    def reject(self, reason: str, *found: Exchange) -> Decisions:
        """These decisions and further rejections."""
        number = DUPLICATE_REASONS.index(reason)
        return replace(self, rejected=(*self.rejected, *((number, one) for one in found)))

    def splits(self, block: int) -> NDArray[np.int8]:
        """The declared split of each record of a block, after moves."""
        splits: NDArray[np.int8] = self.blocks.load(block, "split")
        for places, nodes in self._read(block, self.moved):
            splits[places] = split_of(nodes)
        return splits

    def reasons(self, block: int) -> tuple[NDArray[np.int8], Places]:
        """Why each record of a block is rejected, or ``KEPT``, and the place of the record that it repeats."""
        originals = self.blocks.places(block)
        reasons = np.full(len(originals), KEPT, np.int8)
        for reason, exchange in self.rejected:
            for places, nodes in self._read(block, [exchange]):
                reasons[places], originals[places] = reason, place_of(nodes)
        return reasons, originals

    def kept(self, block: int) -> NDArray[np.intp]:
        """Where in a block the records are that are kept."""
        return np.flatnonzero(self.reasons(block)[0] == KEPT)

    def _read(self, block: int, exchanges: Iterable[Exchange]) -> Iterator[tuple[NDArray[np.intp], Nodes]]:
        for exchange in exchanges:
            for items in exchange.read(block):
                yield self.blocks.locate(block, items["node"]), items["other"]


# Enough for 2^48 records, with the split above.
_PLACE_BITS = np.int64(48)


def nodes_of(places: Places, splits: NDArray[np.int8]) -> Nodes:
    """Records as numbers in the order in which they are preferred to be kept.

    Of several declared splits, the one that is judged last comes first, and records without any come last.
    """
    ranks = len(SPLITS) - 1 - splits.astype(np.int64)
    return (ranks << _PLACE_BITS) | places


def place_of(nodes: Nodes) -> Places:
    """The places of records."""
    return nodes & ((np.int64(1) << _PLACE_BITS) - 1)


def split_of(nodes: Nodes) -> NDArray[np.int8]:
    """The declared splits of records, as places in ``SPLITS`` or ``NO_SPLIT``."""
    return (len(SPLITS) - 1 - (nodes >> _PLACE_BITS)).astype(np.int8)
