"""Parquet: columns of text, numbers or image bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_columns,
    check_row_count,
    make_row,
)
from diptych.components.catalogue.storage import open_file, write_stream

# So many inline images are in memory at a time.
_ROWS_PER_BATCH = 256
_ROWS_PER_SAMPLED_BATCH = 50
_READ_BYTES = 1 << 20
# Stands for a text that is not UTF-8, as a lone surrogate is not.
_BAD_TEXT = "\udcff"
# A row group of more chunks is split up: some files have a million rows in one, which only one worker could read.
_MAX_CHUNKS_PER_GROUP = 2


class ParquetReader:
    """Reads Parquet files, and of them only the columns that the settings name.

    Chunks are ranges of whole row groups. A file whose row groups are too large to share out is copied to a spool with
    smaller ones.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; all columns are read."""
        with _open(source, source, data) as file:
            for batch in file.iter_batches(_ROWS_PER_SAMPLED_BATCH, use_threads=False):
                for values in _rows_of(batch):
                    if not any(isinstance(value, Exception) for value in values.values()):
                        yield values

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``."""
        with _open(source, source, data) as file:
            check_columns(file.schema_arrow.names, data, source)
            sizes = _group_sizes(file)
            if max(sizes, default=0) > _MAX_CHUNKS_PER_GROUP * rows.ROWS_PER_CHUNK:
                sizes = _copy(file, data, spool)
            else:
                spool = ""
        first, start, count = 1, 0, 0
        for group, size in enumerate(sizes):
            if count and count + size > rows.ROWS_PER_CHUNK:
                yield Chunk(source_index, first, count, source, start, group, spool)
                first, start, count = first + count, group, 0
            count += size
        if count:
            yield Chunk(source_index, first, count, source, start, len(sizes), spool)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return check_row_count(_rows(chunk, data), chunk)


@contextmanager
def _open(source: str, uri: str, data: DataOptions) -> Iterator[pq.ParquetFile]:
    with catalogue_errors(source), open_file(uri, data.fetch) as file:
        try:
            yield pq.ParquetFile(file, buffer_size=_READ_BYTES)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise CatalogueError(f"data.catalogue: '{source}' cannot be read as Parquet: {error}") from None


def _group_sizes(file: pq.ParquetFile) -> list[int]:
    return [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]


def _copy(file: pq.ParquetFile, data: DataOptions, spool: str) -> list[int]:
    """Writes the used columns with one row group per batch; returns the row groups' numbers of rows."""
    names = _used_names(file, data)
    schema = pa.schema([file.schema_arrow.field(name) for name in names])
    sizes = []
    # Version 2.6 keeps times to the nanosecond.
    with write_stream(spool) as copy, pq.ParquetWriter(copy, schema, version="2.6") as writer:
        for batch in _batches(file, range(file.num_row_groups), data):
            writer.write_table(pa.Table.from_batches([batch]).select(names))
            sizes.append(batch.num_rows)
    return sizes


def _used_names(file: pq.ParquetFile, data: DataOptions) -> list[str]:
    used = set(data.used_columns.values())
    return [name for name in file.schema_arrow.names if name in used]


def _batches(file: pq.ParquetFile, groups: range, data: DataOptions) -> Iterator[pa.RecordBatch]:
    return iter(file.iter_batches(_ROWS_PER_BATCH, list(groups), _used_names(file, data), use_threads=False))


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    number = chunk.first_row
    with _open(chunk.source, chunk.spool or chunk.source, data) as file:
        for batch in _batches(file, range(chunk.start, chunk.stop), data):
            for values in _rows_of(batch):
                yield _row(number, values, data)
                number += 1


def _rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The values of each row by column, with an error in the place of a value that Python cannot represent."""
    columns = [_values(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


def _values(column: Any) -> list[Any]:
    """The values of a column, with an error in the place of a value that Python cannot represent."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return _BAD_TEXT
    except (ValueError, OverflowError) as error:
        return error


def _row(number: int, values: dict[str, Any], data: DataOptions) -> Row:
    for name, value in values.items():
        if isinstance(value, Exception):
            return Row(number, problem=("malformed_row", f"column '{name}' cannot be read: {value}"))
    return make_row(number, values, data)
