"""Shards: the TFRecord files of each split, put together from ranges of the work files."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.account import IngestionError
from diptych.components.example_gen.assignment import Assignment
from diptych.components.example_gen.ingestion_job import IngestionJob
from diptych.components.example_gen.record_index import ChunkSummary
from diptych.models import features
from diptych.models.counts import pluralize

_COPY_BYTES = 8 << 20

#: The URI of a work file and the ``[start, stop)`` ranges of bytes to copy from it, in order.
Piece = tuple[str, list[tuple[int, int]]]


@dataclass(frozen=True)
class Shard:
    """A TFRecord file to write.

    Attributes:
        number: of the shard in its split, from 0.
        count: number of shards of the split.
        pieces: of work files, in order.
        records: number of records in the shard.
    """

    split: str
    number: int
    count: int
    pieces: list[Piece]
    records: int


def list_shards(assignment: Assignment) -> Iterator[Shard]:
    """The shards of all splits."""
    records = WorkRecords(assignment.chunks, assignment.size)
    for number, (split, count) in enumerate(zip(features.SPLITS, assignment.shards, strict=True)):
        of_split = np.flatnonzero(assignment.split == number)
        for shard in np.unique(assignment.shard[of_split]).tolist():
            places = of_split[assignment.shard[of_split] == shard]
            yield Shard(split, shard, count, list(records.pieces(places)), len(places))


class WorkRecords:
    """Where the records of some chunks are in their work files."""

    def __init__(self, chunks: Iterable[ChunkSummary], sizes: NDArray[np.uint32]) -> None:
        """Locates the records.

        Args:
            sizes: bytes of each record.
        """
        files = [file for summary in chunks for file in summary.files]
        self._names = [name for name, _ in files]
        self._file_of = np.repeat(np.arange(len(files)), [count for _, count in files])
        stops = np.cumsum(sizes, dtype=np.int64)
        starts = stops - sizes
        # Positions count from the start of each file.
        before = starts[np.searchsorted(self._file_of, self._file_of)]
        self._starts, self._stops = starts - before, stops - before

    def pieces(self, places: NDArray[np.intp]) -> Iterator[Piece]:
        """The pieces of work files that hold some of the records, in order."""
        file_of = self._file_of[places]
        for members in np.split(places, np.flatnonzero(np.diff(file_of)) + 1) if len(places) else ():
            ranges = zip(self._starts[members].tolist(), self._stops[members].tolist(), strict=True)
            yield self._names[self._file_of[members[0]]], list(ranges)


def write_shard(shard: Shard, job: IngestionJob) -> tuple[str, int]:
    """Puts a shard together from the work files; returns its split and its number of records."""
    write_pieces(job.shard_file(shard.split, shard.number, shard.count), shard.pieces, job)
    return shard.split, shard.records


def write_pieces(name: str, pieces: Iterable[Piece], job: IngestionJob) -> None:
    """Writes a TFRecord file of pieces of work files."""
    with write_stream(name) as file, _compressed(file, job) as target:
        for work_file, ranges in pieces:
            with open_file(work_file) as source:
                for start, stop in _join_ranges(ranges):
                    source.seek(start)
                    _copy(source, target, stop - start)


def _compressed(file: BinaryIO, job: IngestionJob) -> BinaryIO:
    if not job.is_compressed:
        return file
    # Without a time of modification, equal records give equal files.
    return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0))


def _join_ranges(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Joins ranges that follow each other, up to ``_COPY_BYTES``."""
    whole: tuple[int, int] | None = None
    for start, stop in ranges:
        if whole is not None and whole[1] == start and stop - whole[0] <= _COPY_BYTES:
            whole = (whole[0], stop)
            continue
        if whole is not None:
            yield whole
        whole = (start, stop)
    if whole is not None:
        yield whole


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    content = source.read(size)
    if len(content) != size:
        raise IngestionError(f"a work file lacks {pluralize(size - len(content), 'byte')}: is the disk full? Run again")
    target.write(content)
