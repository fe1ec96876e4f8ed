"""Parquet: columns of text, numbers or image bytes."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.arrow_values import (
    Batch,
    check_schema,
    class_names,
    cut_batches,
    row_of,
    sample_rows,
    select_columns,
    used_names,
    values_of,
)
from diptych.components.catalogue.readers.bounds import open_spool
from diptych.components.catalogue.readers.parquet_pages import read_page_sizes
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
from diptych.components.catalogue.storage import is_remote, open_file

# So many inline images are in memory at a time.
_ROWS_PER_BATCH = 256
_ROWS_PER_SAMPLED_BATCH = 50
_SAMPLED_GROUPS = 20
_READ_BYTES = 1 << 20
# Values that are in memory at a time, as far as the sizes of pages tell.
_BATCH_BYTES = 64 << 20
# The length of the metadata, and the mark of the format, at the end of a file.
_FOOTER = struct.Struct("<I4s")
# A row group of more chunks is split up: some files have a million rows in one, which only one worker could read.
_MAX_CHUNKS_PER_GROUP = 2


class ParquetReader:
    """Reads Parquet files, and of them only the columns that the settings name.

    The numbers of Hugging Face's ``ClassLabel`` get their names, see ``huggingface_features``.

    Chunks are ranges of whole row groups. A file whose row groups are too large to share out is copied to a spool with
    smaller ones.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; all columns are read, of the first rows of row groups from all over the file."""
        with _open(source, source, data) as opened:
            groups = evenly_spaced(range(opened.file.num_row_groups), _SAMPLED_GROUPS)
            names = class_names(opened.schema, source, data)
            for group in groups:
                batches = opened.batches(range(group, group + 1), opened.schema.names, _ROWS_PER_SAMPLED_BATCH)
                sampled = (values for batch in batches for values in sample_rows(batch, names, data))
                yield from islice(sampled, SAMPLED_ROWS // len(groups))

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``."""
        with _open(source, source, data) as opened:
            check_schema(opened.schema, data, source)
            sizes = _group_sizes(opened.file)
            if max(sizes, default=0) > _MAX_CHUNKS_PER_GROUP * rows.ROWS_PER_CHUNK:
                sizes = _copy(opened, spool)
            else:
                spool = ""
        groups = (Batch(group, group + 1, size) for group, size in enumerate(sizes))
        yield from cut_batches(Chunk(source_index, 1, 0, source, 0, 0, spool), groups)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return check_row_count(_rows(chunk, data), chunk)


@dataclass(frozen=True)
class _Opened:
    """An open file of a source, which is read in bounded memory."""

    file: pq.ParquetFile
    content: BinaryIO
    source: str
    data: DataOptions

    @property
    def schema(self) -> pa.Schema:
        """The schema as Arrow's."""
        return self.file.schema_arrow

    def batches(self, groups: Iterable[int], names: list[str], most: int) -> Iterator[pa.RecordBatch]:
        """The batches of row groups.

        Args:
            names: the columns to read.
            most: rows of a batch; they are fewer where values are large.

        Raises:
            CatalogueError: pages are too large.
        """
        for group in groups:
            rows_in_batch = min(most, self._rows_in_memory(group, names))
            yield from self.file.iter_batches(rows_in_batch, [group], names, use_threads=False)

    def _rows_in_memory(self, group: int, names: list[str]) -> int:
        """The number of rows of a row group that may be in memory at a time."""
        if is_remote(self.source):
            # Its pages are not looked at: that would read most of the file twice.
            return _ROWS_PER_BATCH
        metadata = self.file.metadata.row_group(group)
        columns = [metadata.column(number) for number in range(metadata.num_columns)]
        wanted = {*names}
        sizes = [
            read_page_sizes(self.content, column)
            for column in columns
            if column.path_in_schema.partition(".")[0] in wanted
        ]
        needed = sum(each.packed + 2 * (each.page + each.dictionary) for each in sizes)
        if needed > self.data.limits.memory_bytes:
            largest = max(max(each.page, each.dictionary) for each in sizes)
            what = f"row group {group + 1} has pages of up to {largest / 1e6:,.0f} MB; write it with smaller ones"
            raise too_large(self.source, what, self.data)
        return max(1, _BATCH_BYTES // max(1, sum(each.value for each in sizes)))


@contextmanager
def _open(source: str, uri: str, data: DataOptions) -> Iterator[_Opened]:
    with catalogue_errors(source), open_file(uri, data.fetch) as file:
        try:
            _check_footer(file, source, data)
            yield _Opened(pq.ParquetFile(file, buffer_size=_READ_BYTES), file, source, data)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise CatalogueError(f"data.catalogue: '{source}' cannot be read as Parquet: {error}") from None


def _check_footer(file: BinaryIO, source: str, data: DataOptions) -> None:
    """Checks the length of the metadata at the file's end, before pyarrow reads them."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _FOOTER.size))
    tail = file.read(_FOOTER.size)
    file.seek(0)
    if len(tail) == _FOOTER.size and (length := _FOOTER.unpack(tail)[0]) > data.limits.row_characters:
        raise too_large(source, f"its metadata have {length / 1e6:,.0f} MB", data)


def _group_sizes(file: pq.ParquetFile) -> list[int]:
    return [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]


def _copy(opened: _Opened, spool: str) -> list[int]:
    """Writes the used columns with one row group per batch; returns the row groups' numbers of rows."""
    names = used_names(opened.schema, opened.data)
    schema = pa.schema([opened.schema.field(name) for name in names], opened.schema.metadata)
    sizes = []
    with (
        open_spool(spool, opened.source, opened.data) as copy,
        # Version 2.6 keeps times to the nanosecond.
        pq.ParquetWriter(copy, schema, version="2.6") as writer,
    ):
        for batch in opened.batches(range(opened.file.num_row_groups), names, _ROWS_PER_BATCH):
            writer.write_table(select_columns(batch, names))
            sizes.append(batch.num_rows)
    return sizes


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    number = chunk.first_row
    with _open(chunk.source, chunk.spool or chunk.source, data) as opened:
        names = class_names(opened.schema, chunk.source, data)
        groups, used = range(chunk.start, chunk.stop), used_names(opened.schema, data)
        for batch in opened.batches(groups, used, _ROWS_PER_BATCH):
            for values in values_of(batch, data):
                yield row_of(number, values, names, data)
                number += 1
