"""What a process of its own reads of an Arrow file, see ``isolated_reading``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, BinaryIO, Protocol, TypeAlias

import pyarrow as pa

from diptych.components.catalogue.readers.arrow_messages import message_sizes
from diptych.components.catalogue.readers.arrow_safety import refuse_pickled_types
from diptych.components.catalogue.readers.batch_blocks import check_batch, to_blocks
from diptych.components.catalogue.readers.reading_process import BrokenFileError, LargeFileError

# What a file for random access begins with; others are streams.
_FILE_MAGIC = b"ARROW1"
# Values in dictionaries that are copied for each of the rows that are in memory at a time.
_COPIED_BYTES = 64 << 20
# Where a batch starts, where it stops, and the number of its rows.
_Found: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Wanted:
    """What is wanted of an Arrow file.

    Attributes:
        ranges: where batches start and stop, of bytes in a stream, of numbers in a file for random access; None for
            all batches from the start on, as only these can be had of a stream with dictionaries.
        names: of the columns, as far as there are such; None for all.
        batch_rows: most rows of a batch; they are fewer where values in dictionaries are large.
        range_rows: the first rows of each range; None for all.
        row_bytes: that a row may take.
    """

    ranges: Sequence[tuple[int, int]] | None
    names: Sequence[str] | None
    batch_rows: int
    range_rows: int | None
    row_bytes: int


def describe(file: BinaryIO, memory: int | None) -> Iterator[bytes | str]:
    """The schema as Arrow serialises it; then, for each batch, where it starts and stops and its rows, in JSON.

    None can be told of a stream with dictionaries.

    Args:
        memory: bytes that a batch may take, which is looked at before any is read; None to see then.
    """
    with _open(file) as batches:
        if memory is not None:
            _check_messages(file, memory)
        yield batches.schema.serialize().to_pybytes()
        if batches.can_start_anywhere:
            yield "record batch 1"
            for number, found in enumerate(batches.find(), start=2):
                yield json.dumps(found).encode()
                yield f"record batch {number}"


def read(file: BinaryIO, wanted: Mapping[str, Any]) -> Iterator[bytes | str]:
    """The rows of batches, as ``batch_blocks`` has them.

    Args:
        wanted: the attributes of a ``Wanted``.
    """
    asked = Wanted(**wanted)
    with _open(file) as batches:
        fields = enumerate(batches.schema)
        kept = [place for place, field in fields if asked.names is None or field.name in asked.names]
        schema = pa.schema([batches.schema.field(place) for place in kept], batches.schema.metadata)
        parts = _wanted_parts(batches, asked)
        selected = (part if isinstance(part, str) else _select(part, kept, schema) for part in parts)
        yield from to_blocks(schema, selected, asked.row_bytes)


class _Batches(Protocol):
    """The record batches of an open file."""

    schema: pa.Schema
    can_start_anywhere: bool

    def find(self) -> Iterator[_Found]:
        """Where all batches lie."""
        ...

    def between(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """The batches from one position to another."""
        ...

    def all(self) -> Iterator[pa.RecordBatch]:
        """All batches, from the start on."""
        ...

    def place(self, start: int, number: int) -> str:
        """What the batch of a number, from 1 on, is called of those that start somewhere."""
        ...


class _Stream:
    """The batches of a stream."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        message = pa.ipc.MessageReader.open_stream(file).read_next_message()
        self._start = file.tell()
        self.schema = pa.ipc.read_schema(message.serialize())
        self.can_start_anywhere = not _has_dictionaries(self.schema)

    def find(self) -> Iterator[_Found]:
        start = self._start
        for batch in self.between(start, sys.maxsize):
            stop = self._file.tell()
            yield start, stop, batch.num_rows
            start = stop

    def between(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        self._file.seek(start)
        messages = pa.ipc.MessageReader.open_stream(self._file)
        while self._file.tell() < stop:
            try:
                message = messages.read_next_message()
            except StopIteration:
                return
            yield check_batch(pa.ipc.read_record_batch(message, self.schema))

    def all(self) -> Iterator[pa.RecordBatch]:
        self._file.seek(0)
        return map(check_batch, pa.ipc.open_stream(self._file))

    def place(self, start: int, number: int) -> str:
        return f"record batch {number} from byte {start:,} on"


class _File:
    """The batches of a file for random access, which can be compressed and have dictionaries."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = pa.ipc.open_file(file)
        self.schema = self._file.schema
        self.can_start_anywhere = True

    def find(self) -> Iterator[_Found]:
        for number, batch in enumerate(self.all()):
            yield number, number + 1, batch.num_rows

    def between(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        return (check_batch(self._file.get_batch(number)) for number in range(start, stop))

    def all(self) -> Iterator[pa.RecordBatch]:
        return self.between(0, self._file.num_record_batches)

    def place(self, start: int, number: int) -> str:
        return f"record batch {start + number}"


@contextmanager
def _open(file: BinaryIO) -> Iterator[_Batches]:
    refuse_pickled_types()
    try:
        head = file.read(len(_FILE_MAGIC))
        file.seek(0)
        yield _File(file) if head == _FILE_MAGIC else _Stream(file)
    except MemoryError:
        raise
    except (pa.ArrowException, StopIteration, UnicodeDecodeError, OSError) as error:
        raise BrokenFileError(str(error) or "it holds nothing") from None


def _check_messages(file: BinaryIO, memory: int) -> None:
    if (largest := max(message_sizes(file), default=0)) > memory:
        raise LargeFileError(f"a record batch has {largest / 1e6:,.0f} MB; write it with smaller ones")


def _has_dictionaries(schema: pa.Schema) -> bool:
    return any("dictionary<" in str(field.type) for field in schema)


def _wanted_parts(batches: _Batches, wanted: Wanted) -> Iterator[pa.RecordBatch | str]:
    """Small batches, and before those of each batch a text that names it."""
    for start, stop in wanted.ranges if wanted.ranges is not None else [(0, None)]:
        found = batches.all() if stop is None else batches.between(start, stop)
        left = wanted.range_rows
        for number in count(1):
            yield f"record batch {number}" if stop is None else batches.place(start, number)
            batch = None if left == 0 else next(found, None)
            if batch is None:
                break
            batch = batch.slice(0, left)
            yield from _small(batch, wanted.batch_rows)
            left = None if left is None else left - batch.num_rows


def _small(batch: pa.RecordBatch, most: int) -> Iterator[pa.RecordBatch]:
    dictionaries = (column.dictionary.nbytes for column in batch.columns if pa.types.is_dictionary(column.type))
    rows = max(1, min(most, _COPIED_BYTES // max(1, int(sum(dictionaries)))))
    return (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))


def _select(batch: pa.RecordBatch, kept: list[int], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([batch.column(place) for place in kept], schema=schema)
