"""Items that one stage hands to the next: each task writes a file, in which the items of one partition lie together.

These are the map output files of J. Dean and S. Ghemawat, "MapReduce: Simplified Data Processing on Large Clusters"
(2004). Beam carries the numbers of tasks only, so memory is bounded on every runner, also on those that hold whatever a
GroupByKey groups.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.storage import open_file, read_range, write_stream

#: Items that are held before they are written, and that are read at a time.
BATCH_ITEMS = 1 << 18

Items = NDArray[Any]
Partitions = NDArray[np.intp]

#: A node of a graph, and another one that it is linked with.
LINK_DTYPE = np.dtype([("node", "<i8"), ("other", "<i8")])


@dataclass(frozen=True)
class Exchange:
    """What the tasks of a stage write and those of a later one read.

    Attributes:
        folder: URI of the folder of its files.
        dtype: of an item.
        writers: number of tasks that write.
        partitions: number of tasks that read.
    """

    folder: str
    dtype: np.dtype[Any]
    writers: int
    partitions: int

    @contextmanager
    def write(self, task: int) -> Iterator[ItemWriter]:
        """Gives what a task writes its items to. A task that is tried again replaces what it had written."""
        with write_stream(self._file(task)) as file:
            writer = ItemWriter(file, self)
            yield writer
            offsets = writer.close()
        with write_stream(self._file(task) + ".offsets") as file:
            np.save(file, offsets, allow_pickle=False)

    def read(self, partition: int) -> Iterator[Items]:
        """Yields the items of a partition, in the order of the tasks, some hundred thousand at a time."""
        held: list[Items] = []
        count = 0
        for items in self._segments(partition):
            held.append(items)
            count += len(items)
            if count >= BATCH_ITEMS:
                yield np.concatenate(held)
                held, count = [], 0
        if held:
            yield np.concatenate(held)

    def read_all(self, partition: int) -> Items:
        """All items of a partition."""
        return np.concatenate([np.empty(0, self.dtype), *self._segments(partition)])

    def _segments(self, partition: int) -> Iterator[Items]:
        for task in range(self.writers):
            with open_file(self._file(task) + ".offsets") as file:
                offsets = np.load(file, allow_pickle=False)[:, partition : partition + 2]
            for start, stop in offsets[offsets[:, 1] > offsets[:, 0]].tolist():
                yield np.frombuffer(read_range(self._file(task), start, stop), self.dtype)

    def _file(self, task: int) -> str:
        return os.path.join(self.folder, f"{task:05d}")


class ItemWriter:
    """Writes items in runs, each sorted by partition."""

    def __init__(self, file: BinaryIO, exchange: Exchange) -> None:
        self._file, self._exchange = file, exchange
        self._held: list[tuple[Partitions, Items]] = []
        self._count = 0
        self._offsets = [np.zeros((0, exchange.partitions + 1), np.int64)]
        self._bytes = 0

    def add(self, partitions: Partitions, *columns: NDArray[Any]) -> None:
        """Adds items.

        Args:
            partitions: of each item.
            columns: the values of each field of the items.
        """
        if not len(partitions):
            return
        items = np.empty(len(partitions), self._exchange.dtype)
        for name, values in zip(self._exchange.dtype.names or (), columns, strict=True):
            items[name] = values
        self._held.append((partitions, items))
        self._count += len(items)
        if self._count >= BATCH_ITEMS:
            self._write_run()

    def close(self) -> NDArray[np.int64]:
        """Writes what is held; returns the place in bytes of each partition in each run, and of its end."""
        if self._held:
            self._write_run()
        return np.concatenate(self._offsets)

    def _write_run(self) -> None:
        partitions = np.concatenate([held for held, _ in self._held])
        items = np.concatenate([held for _, held in self._held])
        order = np.argsort(partitions, kind="stable")
        starts = np.searchsorted(partitions[order], np.arange(self._exchange.partitions + 1))
        self._offsets.append(self._bytes + starts[None] * self._exchange.dtype.itemsize)
        self._bytes += items.nbytes
        self._file.write(items[order].tobytes())
        self._held, self._count = [], 0


def condense(batches: Iterable[Items], dtype: np.dtype[Any], merge: Callable[[Items], Items]) -> Items:
    """Merges items batch by batch: no more are held than about twice those that are left, or two batches.

    Args:
        merge: puts those items together that belong together, also those that are merged already.
    """
    merged, held = np.empty(0, dtype), [np.empty(0, dtype)]
    for items in batches:
        held.append(items)
        if sum(map(len, held)) > max(BATCH_ITEMS, len(merged)):
            merged, held = merge(np.concatenate([merged, *held])), []
    return merge(np.concatenate([merged, *held]))


def starts_of(*ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Where keys, which are ordered, differ from those before them."""
    differs = np.ones(len(ordered[0]), bool)
    differs[1:] = np.any([column[1:] != column[:-1] for column in ordered], axis=0)
    return differs


def hash_partitions(values: NDArray[np.uint64], partitions: int) -> Partitions:
    """The partition of each value."""
    return (mix(values) % np.uint64(partitions)).astype(np.intp)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A bijection of 64 bits, whose bits each depend on all bits of the value.

    It is that of SplitMix64: G. Steele et al., "Fast Splittable Pseudorandom Number Generators" (2014).
    """
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def node_partitions(nodes: NDArray[np.int64], partitions: int) -> Partitions:
    """The partition of each node of a graph."""
    return hash_partitions(nodes.astype(np.uint64), partitions)


def add_links(writer: ItemWriter, nodes: NDArray[np.int64], others: NDArray[np.int64], partitions: int) -> None:
    """Adds each link in both directions, each to the partition of its first node."""
    writer.add(node_partitions(nodes, partitions), nodes, others)
    writer.add(node_partitions(others, partitions), others, nodes)
