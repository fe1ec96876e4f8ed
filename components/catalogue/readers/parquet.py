"""Parquet: columns of text, numbers or image bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import parquet_process, rows
from diptych.components.catalogue.readers.arrow_values import (
    Batch,
    check_schema,
    class_names,
    cut_batches,
    read_values,
    row_of,
    sample_rows,
)
from diptych.components.catalogue.readers.batch_blocks import LargeRow, from_blocks
from diptych.components.catalogue.readers.bounds import open_spool
from diptych.components.catalogue.readers.isolated_reading import IsolatedFile
from diptych.components.catalogue.readers.parquet_files import describe_parquet, open_parquet
from diptych.components.catalogue.readers.parquet_process import Wanted
from diptych.components.catalogue.readers.rows import (
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_row_count,
    too_large,
)
from diptych.components.catalogue.samples import SAMPLED_ROWS, evenly_spaced

# So many inline images are in memory at a time.
_ROWS_PER_BATCH = 256
_ROWS_PER_SAMPLED_BATCH = 50
_SAMPLED_GROUPS = 20
# A row group of more chunks is split up: some files have a million rows in one, which only one worker could read.
_MAX_CHUNKS_PER_GROUP = 2
# Pages of a column in a store that are looked at before they are read: the dictionary, and the first one of values.
# Looking at all would read most of the file twice. What the others take is bounded by the memory of who reads them.
_PAGES_IN_STORES = 2


class ParquetReader:
    """Reads Parquet files, and of them only the columns that the settings name.

    The numbers of Hugging Face's ``ClassLabel`` get their names, see ``huggingface_features``.

    Chunks are ranges of whole row groups. A file whose row groups are too large to share out is copied to a spool with
    smaller ones.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; all columns are read, of the first rows of row groups from all over the file."""
        with catalogue_errors(source), open_parquet(source, source, data) as file:
            schema, sizes = describe_parquet(file)
            groups = evenly_spaced(range(len(sizes)), _SAMPLED_GROUPS)
            names = class_names(schema, source, data)
            rows_each = SAMPLED_ROWS // max(1, len(groups))
            blocks = _read(file, groups, None, batch_rows=_ROWS_PER_SAMPLED_BATCH, group_rows=rows_each)
            yield from sample_rows(read_values(blocks)[1], names, data)

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``."""
        with catalogue_errors(source), open_parquet(source, source, data) as file:
            schema, sizes = describe_parquet(file)
            check_schema(schema, data, source)
            if max(sizes, default=0) > _MAX_CHUNKS_PER_GROUP * rows.ROWS_PER_CHUNK:
                sizes = _copy(file, range(len(sizes)), spool)
            else:
                spool = ""
        groups = (Batch(group, group + 1, size) for group, size in enumerate(sizes))
        yield from cut_batches(Chunk(source_index, 1, 0, source, 0, 0, spool), groups)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return check_row_count(_rows(chunk, data), chunk)


def _read(file: IsolatedFile, groups: Sequence[int], names: Sequence[str] | None, **others: Any) -> Iterator[bytearray]:
    """The blocks of row groups.

    Args:
        others: further attributes of a ``Wanted``.
    """
    memory, pages = file.data.limits.memory_bytes, _PAGES_IN_STORES if file.is_in_store else None
    usual = {"batch_rows": _ROWS_PER_BATCH, "group_rows": None, "pages": pages, "row_bytes": memory // 4}
    wanted = Wanted(list(groups), names, **{**usual, "memory": memory, **others})
    return file.read(parquet_process.read, asdict(wanted))


def _copy(file: IsolatedFile, groups: Sequence[int], spool: str) -> list[int]:
    """Writes the used columns with one row group per batch; returns the row groups' numbers of rows."""
    names, memory = sorted(file.data.wanted_names), file.data.limits.memory_bytes
    schema, batches = from_blocks(_read(file, groups, names, row_bytes=memory))
    sizes = []
    with (
        open_spool(spool, file.source, file.data) as copy,
        # Version 2.6 keeps times to the nanosecond.
        pq.ParquetWriter(copy, schema, version="2.6") as writer,
    ):
        for batch in batches:
            if isinstance(batch, LargeRow):
                raise too_large(file.source, f"a row has {batch.size / 1e6:,.0f} MB", file.data)
            writer.write_table(pa.Table.from_batches([batch]))
            sizes.append(batch.num_rows)
    return sizes


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    with catalogue_errors(chunk.source), open_parquet(chunk.source, chunk.spool or chunk.source, data) as file:
        blocks = _read(file, range(chunk.start, chunk.stop), sorted(data.wanted_names))
        schema, found = read_values(blocks)
        names = class_names(schema, chunk.source, data)
        for number, values in enumerate(found, start=chunk.first_row):
            yield row_of(number, values, names, data)
