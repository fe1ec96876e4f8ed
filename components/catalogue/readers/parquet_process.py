"""What a process of its own reads of a Parquet file, see ``isolated_reading``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.components.catalogue.readers.arrow_safety import refuse_pickled_types
from diptych.components.catalogue.readers.batch_blocks import to_blocks
from diptych.components.catalogue.readers.parquet_pages import read_page_sizes
from diptych.components.catalogue.readers.reading_process import BrokenFileError, LargeFileError

_READ_BYTES = 1 << 20
# Values that are in memory at a time, as far as the sizes of pages tell.
_BATCH_BYTES = 64 << 20


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a Parquet file.

    Attributes:
        groups: numbers of row groups.
        names: of the columns, as far as there are such; None for all.
        batch_rows: most rows of a batch; they are fewer where values are large.
        group_rows: the first rows of each group; None for all.
        pages: of a column in a group, whose sizes are looked at before they are read; None for all.
        memory: bytes that the pages of a group may take at a time.
        row_bytes: that a row may take.
    """

    groups: Sequence[int]
    names: Sequence[str] | None
    batch_rows: int
    group_rows: int | None
    pages: int | None
    memory: int
    row_bytes: int


def describe(file: BinaryIO) -> Iterator[bytes]:
    """The schema as Arrow serialises it, and the numbers of rows of the row groups as a list in JSON."""
    with _open(file) as opened:
        metadata = opened.metadata
        yield opened.schema_arrow.serialize().to_pybytes()
        yield json.dumps([metadata.row_group(group).num_rows for group in range(opened.num_row_groups)]).encode()


def read(file: BinaryIO, wanted: Mapping[str, Any]) -> Iterator[bytes | str]:
    """The rows of row groups, as ``batch_blocks`` has them.

    Args:
        wanted: the attributes of a ``Wanted``.
    """
    asked = Wanted(**wanted)
    with _open(file) as opened:
        fields = [field for field in opened.schema_arrow if asked.names is None or field.name in asked.names]
        schema = pa.schema(fields, opened.schema_arrow.metadata)
        yield from to_blocks(schema, _batches(opened, file, schema.names, asked), asked.row_bytes)


@contextmanager
def _open(file: BinaryIO) -> Iterator[pq.ParquetFile]:
    refuse_pickled_types()
    try:
        yield pq.ParquetFile(file, buffer_size=_READ_BYTES)
    except MemoryError:
        raise
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise BrokenFileError(str(error)) from None


def _batches(
    opened: pq.ParquetFile, file: BinaryIO, names: list[str], wanted: Wanted
) -> Iterator[pa.RecordBatch | str]:
    """The batches of each row group, after a text that names the group."""
    for group in wanted.groups:
        yield f"row group {group + 1}"
        rows = min(wanted.batch_rows, _rows_in_memory(opened, file, group, names, wanted))
        left = wanted.group_rows
        for batch in opened.iter_batches(rows, [group], names, use_threads=False):
            yield batch.slice(0, left)
            left = None if left is None else left - batch.num_rows
            if left is not None and left <= 0:
                break


def _rows_in_memory(opened: pq.ParquetFile, file: BinaryIO, group: int, names: list[str], wanted: Wanted) -> int:
    """The number of rows of a row group that may be in memory at a time."""
    metadata = opened.metadata.row_group(group)
    columns = [metadata.column(number) for number in range(metadata.num_columns)]
    used = {*names}
    sizes = [
        read_page_sizes(file, column, wanted.pages)
        for column in columns
        if column.path_in_schema.partition(".")[0] in used
    ]
    needed = sum(each.packed + 2 * (each.page + each.dictionary) for each in sizes)
    if needed > wanted.memory:
        largest = max(max(each.page, each.dictionary) for each in sizes)
        raise LargeFileError(
            f"row group {group + 1} has pages of up to {largest / 1e6:,.0f} MB; write it with smaller ones"
        )
    return max(1, _BATCH_BYTES // max(1, sum(each.value for each in sizes)))
