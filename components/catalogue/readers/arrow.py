"""Arrow: files of record batches, as Hugging Face's ``save_to_disk``, pandas' ``to_feather`` and Polars write them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import BinaryIO, Protocol

import pyarrow as pa

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.arrow_messages import message_sizes
from diptych.components.catalogue.readers.arrow_values import (
    Batch,
    check_batch,
    check_schema,
    class_names,
    cut_batches,
    row_of,
    rows_in_memory,
    sample_rows,
    select_columns,
    used_names,
    values_of,
)
from diptych.components.catalogue.readers.bounds import open_spool
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_row_count,
    too_large,
)
from diptych.components.catalogue.samples import SAMPLED_ROWS, evenly_spaced
from diptych.components.catalogue.storage import FetchError, is_remote, open_file

# What a file for random access begins with; others are streams.
_FILE_MAGIC = b"ARROW1"
# So many inline images are made Python values at a time.
_ROWS_PER_BATCH = 256
_SAMPLED_BATCHES = 20
# A batch of more chunks is split up.
_MAX_CHUNKS_PER_BATCH = 2


class ArrowReader:
    """Reads Arrow's streams and files, and makes values only of the columns that the settings name.

    Chunks are ranges of whole record batches: of bytes in a stream, of numbers of batches in a file for random access.
    A source is copied to a spool with smaller batches if its batches are too large to share out, or if it is a stream
    that can only be read from its start because its texts are numbers into dictionaries.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; the first rows of batches from all over the file, or of a file with dictionaries."""
        with _open(source, source, data) as file:
            _check_messages(file, source, data)
            opened = _batches_in(file)
            groups = _sampled_groups(opened)
            names = class_names(opened.schema, source, data)
            for batches in groups:
                sampled = (values for batch in _small(batches) for values in sample_rows(batch, names, data))
                yield from islice(sampled, SAMPLED_ROWS // len(groups))

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``."""
        with _open(source, source, data) as file:
            _check_messages(file, source, data)
            batches = _batches_in(file)
            check_schema(batches.schema, data, source)
            found = list(batches.find()) if batches.can_start_anywhere else []
        if not found or max(batch.rows for batch in found) > _MAX_CHUNKS_PER_BATCH * rows.ROWS_PER_CHUNK:
            _copy(source, data, spool)
            with _open(source, spool, data) as file:
                found = list(_batches_in(file).find())
        else:
            spool = ""
        yield from cut_batches(Chunk(source_index, 1, 0, source, 0, 0, spool), found)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return check_row_count(_rows(chunk, data), chunk)


class _Batches(Protocol):
    """The record batches of an open file."""

    schema: pa.Schema
    can_start_anywhere: bool

    def find(self) -> Iterator[Batch]:
        """Where all batches lie."""
        ...

    def between(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """The batches from one position to another."""
        ...

    def all(self) -> Iterator[pa.RecordBatch]:
        """All batches, from the start on."""
        ...


class _Stream:
    """The batches of a stream."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        message = pa.ipc.MessageReader.open_stream(file).read_next_message()
        self._start = file.tell()
        self.schema = pa.ipc.read_schema(message.serialize())
        self.can_start_anywhere = not _has_dictionaries(self.schema)

    def find(self) -> Iterator[Batch]:
        start = self._start
        for batch in self.between(start, sys.maxsize):
            stop = self._file.tell()
            yield Batch(start, stop, batch.num_rows)
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


class _File:
    """The batches of a file for random access."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = pa.ipc.open_file(file)
        self.schema = self._file.schema
        self.can_start_anywhere = True

    def find(self) -> Iterator[Batch]:
        for number, batch in enumerate(self.all()):
            yield Batch(number, number + 1, batch.num_rows)

    def between(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        return (check_batch(self._file.get_batch(number)) for number in range(start, stop))

    def all(self) -> Iterator[pa.RecordBatch]:
        return self.between(0, self._file.num_record_batches)


@contextmanager
def _open(source: str, uri: str, data: DataOptions) -> Iterator[BinaryIO]:
    with catalogue_errors(source), open_file(uri, data.fetch) as file:
        try:
            yield file
        except MemoryError:
            raise CatalogueError(
                f"data.catalogue: '{source}' cannot be read as Arrow: it says that it holds more than fits in memory; "
                "write or copy it anew"
            ) from None
        except (pa.ArrowException, StopIteration, UnicodeDecodeError, OSError) as error:
            if isinstance(error, OSError) and (error.errno or isinstance(error, FetchError)):
                raise
            reason = str(error) or "it holds nothing"
            raise CatalogueError(
                f"data.catalogue: '{source}' cannot be read as Arrow: {reason}; if a newer version of Arrow wrote it, "
                "save it as Parquet"
            ) from None


def _check_messages(file: BinaryIO, source: str, data: DataOptions) -> None:
    """Checks that no message of a local file takes too much memory; of a remote one, that would read it twice.

    Raises:
        CatalogueError: one does.
        ArrowInvalid: the file is broken.
    """
    largest = 0 if is_remote(source) else max(message_sizes(file), default=0)
    file.seek(0)
    if largest > data.limits.memory_bytes:
        what = f"a record batch has {largest / 1e6:,.0f} MB; write it with smaller ones"
        raise too_large(source, what, data)


def _batches_in(file: BinaryIO) -> _Batches:
    head = file.read(len(_FILE_MAGIC))
    file.seek(0)
    return _File(file) if head == _FILE_MAGIC else _Stream(file)


def _has_dictionaries(schema: pa.Schema) -> bool:
    return any("dictionary<" in str(field.type) for field in schema)


def _sampled_groups(batches: _Batches) -> list[Iterator[pa.RecordBatch]]:
    """Groups of batches, of each of which the first rows are a sample."""
    if not batches.can_start_anywhere:
        return [batches.all()]
    sampled = evenly_spaced(list(batches.find()), _SAMPLED_BATCHES)
    return [batches.between(batch.start, batch.stop) for batch in sampled]


def _small(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        count = rows_in_memory(batch, _ROWS_PER_BATCH)
        for start in range(0, batch.num_rows, count):
            yield batch.slice(start, count)


def _copy(source: str, data: DataOptions, spool: str) -> None:
    """Writes the used columns as a stream of small batches without dictionaries."""
    with _open(source, source, data) as file, open_spool(spool, source, data) as copy:
        batches = _batches_in(file)
        schema = batches.schema
        names = used_names(schema, data)
        fields = [pa.field(name, _plain(schema.field(name).type)) for name in names]
        plain = pa.schema(fields, schema.metadata)
        if _has_dictionaries(plain):
            raise pa.ArrowInvalid("it has dictionaries inside of lists or structs; save it anew without")
        with pa.ipc.new_stream(copy, plain) as writer:
            for batch in _small(batches.all()):
                writer.write_table(select_columns(batch, names).cast(plain))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    number = chunk.first_row
    with _open(chunk.source, chunk.spool or chunk.source, data) as file:
        batches = _batches_in(file)
        names = class_names(batches.schema, chunk.source, data)
        used = used_names(batches.schema, data)
        for batch in _small(batches.between(chunk.start, chunk.stop)):
            for values in values_of(select_columns(batch, used), data):
                yield row_of(number, values, names, data)
                number += 1
