"""Arrow: files of record batches, as Hugging Face's ``save_to_disk``, pandas' ``to_feather`` and Polars write them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import arrow_process, rows
from diptych.components.catalogue.readers.arrow_files import open_isolated
from diptych.components.catalogue.readers.arrow_process import Wanted
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
from diptych.components.catalogue.readers.isolated_reading import Form, IsolatedFile
from diptych.components.catalogue.readers.rows import (
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_row_count,
    too_large,
)
from diptych.components.catalogue.samples import SAMPLED_ROWS, evenly_spaced

# So many inline images are made Python values at a time.
_ROWS_PER_BATCH = 256
_SAMPLED_BATCHES = 20
# A batch of more chunks is split up.
_MAX_CHUNKS_PER_BATCH = 2
_FORM = Form(
    "Arrow",
    "it takes more; write it anew, with smaller batches",
    "write or copy it anew, or save it as Parquet if a newer version of Arrow wrote it",
)


class ArrowReader:
    """Reads Arrow's streams and files, and makes values only of the columns that the settings name.

    Chunks are ranges of whole record batches: of bytes in a stream, of numbers of batches in a file for random access.
    A source is copied to a spool with smaller batches if its batches are too large to share out, or if it is a stream
    that can only be read from its start because its texts are numbers into dictionaries.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; the first rows of batches from all over the file, or of a file with dictionaries."""
        with catalogue_errors(source), open_isolated(source, source, data, _FORM) as file:
            schema, found = _describe(file)
            sampled = evenly_spaced(found, _SAMPLED_BATCHES)
            ranges = [(batch.start, batch.stop) for batch in sampled] or None
            rows_each = SAMPLED_ROWS // max(1, len(sampled))
            names = class_names(schema, source, data)
            blocks = _read(file, ranges, None, range_rows=rows_each)
            yield from sample_rows(read_values(blocks)[1], names, data)

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``."""
        with catalogue_errors(source):
            with open_isolated(source, source, data, _FORM) as file:
                schema, found = _describe(file)
                check_schema(schema, data, source)
                if found and max(batch.rows for batch in found) <= _MAX_CHUNKS_PER_BATCH * rows.ROWS_PER_CHUNK:
                    spool = ""
                else:
                    _copy(file, spool)
            if spool:
                with open_isolated(source, spool, data, _FORM) as file:
                    found = _describe(file)[1]
        yield from cut_batches(Chunk(source_index, 1, 0, source, 0, 0, spool), found)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return check_row_count(_rows(chunk, data), chunk)


def _describe(file: IsolatedFile) -> tuple[pa.Schema, list[Batch]]:
    """The schema, and where batches lie; none of a stream with dictionaries."""
    # Looking into a file in a store would read it twice: there, the memory of who reads it is what bounds a batch.
    memory = None if file.is_in_store else file.data.limits.memory_bytes
    schema, *found = file.read(arrow_process.describe, memory)
    return pa.ipc.read_schema(pa.py_buffer(schema)), [Batch(*json.loads(batch)) for batch in found]


def _read(
    file: IsolatedFile, ranges: Sequence[tuple[int, int]] | None, names: Sequence[str] | None, **others: Any
) -> Iterator[bytearray]:
    """The blocks of batches.

    Args:
        others: further attributes of a ``Wanted``.
    """
    usual = {"batch_rows": _ROWS_PER_BATCH, "range_rows": None, "row_bytes": file.data.limits.memory_bytes // 4}
    return file.read(arrow_process.read, asdict(Wanted(ranges, names, **{**usual, **others})))


def _copy(file: IsolatedFile, spool: str) -> None:
    """Writes the used columns as a stream of small batches without dictionaries."""
    data = file.data
    schema, batches = from_blocks(_read(file, None, sorted(data.wanted_names), row_bytes=data.limits.memory_bytes))
    plain = pa.schema([pa.field(field.name, _plain(field.type)) for field in schema], schema.metadata)
    if any("dictionary<" in str(field.type) for field in plain):
        raise pa.ArrowInvalid("it has dictionaries inside of lists or structs; save it anew without")
    with open_spool(spool, file.source, data) as copy, pa.ipc.new_stream(copy, plain) as writer:
        for batch in batches:
            if isinstance(batch, LargeRow):
                raise too_large(file.source, f"a row has {batch.size / 1e6:,.0f} MB", data)
            writer.write_table(pa.Table.from_batches([batch]).cast(plain))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    uri = chunk.spool or chunk.source
    with catalogue_errors(chunk.source), open_isolated(chunk.source, uri, data, _FORM) as file:
        schema, found = read_values(_read(file, [(chunk.start, chunk.stop)], sorted(data.wanted_names)))
        names = class_names(schema, chunk.source, data)
        for number, values in enumerate(found, start=chunk.first_row):
            yield row_of(number, values, names, data)
