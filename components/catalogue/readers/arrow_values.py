"""What the readers of Parquet and Arrow files share: chunks of batches, and values as rows with names of classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.arrow_safety import refuse_pickled_types
from diptych.components.catalogue.readers.huggingface_features import (
    ClassNames,
    class_names_beside,
    name_columns,
    schema_class_names,
)
from diptych.components.catalogue.readers.nested import flatten
from diptych.components.catalogue.readers.rows import Chunk, RawValues, Row, check_columns, make_row
from diptych.components.catalogue.reasons import RowError

refuse_pickled_types()

# Stands for a text that is not UTF-8, as a lone surrogate is not.
_BAD_TEXT = "\udcff"
# Of a batch of more bytes, one row is made values at a time.
_LARGE_BYTES = 64 << 20


@dataclass(frozen=True)
class Batch:
    """A record batch or row group, which is read as a whole.

    Attributes:
        start: where it begins in its file: a byte, or its number.
        stop: where the next one begins.
        rows: number of its rows.
    """

    start: int
    stop: int
    rows: int


def cut_batches(whole: Chunk, batches: Iterable[Batch]) -> Iterator[Chunk]:
    """Cuts a source into chunks of whole batches, of at most ``ROWS_PER_CHUNK`` rows each where batches are not larger.

    Args:
        whole: a chunk that names the source and its spool.
        batches: all of the source, in order.
    """
    first, count, start, stop = 1, 0, 0, 0
    for batch in batches:
        if count and count + batch.rows > rows.ROWS_PER_CHUNK:
            yield replace(whole, first_row=first, rows=count, start=start, stop=stop)
            first, count = first + count, 0
        if not count:
            start = batch.start
        count, stop = count + batch.rows, batch.stop
    if count:
        yield replace(whole, first_row=first, rows=count, start=start, stop=stop)


def check_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, whose values lie where it has data: pyarrow believes what a file says, and crashes where it is wrong.

    Raises:
        ArrowInvalid: a value lies elsewhere.
    """
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise
            # A text that is no UTF-8 concerns its row alone.
            values = column.dictionary if pa.types.is_dictionary(column.type) else column
            values.view(_without_texts(values.type)).validate(full=True)
    return batch


def select_columns(batch: pa.RecordBatch, names: list[str]) -> pa.Table:
    """A batch with some of its columns."""
    return pa.Table.from_batches([batch]).select(names)


def check_schema(schema: pa.Schema, data: DataOptions, source: str) -> None:
    """Checks that a schema has every column that the options name, also inside of structs.

    Raises:
        CatalogueError: as ``check_columns``.
    """
    check_columns([*schema.names, *(name for field in schema for name in _inner_names(field))], data, source)


def used_names(schema: pa.Schema, data: DataOptions) -> list[str]:
    """The columns of a schema that the options name, or that hold what they name."""
    wanted = data.wanted_names
    return [name for name in schema.names if name in wanted]


def class_names(schema: pa.Schema, source: str, data: DataOptions) -> dict[str, ClassNames]:
    """The names of numbered classes by column, as the schema or files beside the source declare them."""
    declared = schema_class_names(schema.metadata)
    if declared is None and any("int" in str(schema.field(name).type) for name in used_names(schema, data)):
        return class_names_beside(source, data)
    return declared or {}


def sample_rows(batch: pa.RecordBatch, names: dict[str, ClassNames], data: DataOptions) -> Iterator[RawValues]:
    """The rows of a batch that can be read, with names of classes; nested values have dotted names."""
    for values in values_of(batch, data):
        if not any(isinstance(value, Exception) for value in values.values()):
            with suppress(RowError):
                yield flatten(name_columns(values, names, data))


def values_of(batch: pa.RecordBatch | pa.Table, data: DataOptions) -> Iterator[dict[str, Any]]:
    """The values of each row by column, with an error in the place of a value that cannot be given.

    Python cannot represent it, or its row is too large.
    """
    if batch.nbytes <= _LARGE_BYTES:
        yield from _rows_of(batch)
        return
    for start in range(batch.num_rows):
        row = batch.slice(start, 1)
        if row.nbytes <= data.limits.memory_bytes // 4:
            yield from _rows_of(row)
        else:
            error = ValueError(f"its row has {row.nbytes / 1e6:,.0f} MB, see data.limits.memory_mb")
            yield dict.fromkeys(batch.schema.names, error)


def rows_in_memory(batch: pa.RecordBatch, most: int) -> int:
    """How many rows of a batch may be made values at a time: each has a copy of its values in dictionaries."""
    dictionaries = (column.dictionary.nbytes for column in batch.columns if pa.types.is_dictionary(column.type))
    return max(1, min(most, _LARGE_BYTES // max(1, int(sum(dictionaries)))))


def _rows_of(batch: pa.RecordBatch | pa.Table) -> Iterator[dict[str, Any]]:
    columns = [_values(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(batch.schema.names, values, strict=True))


def row_of(number: int, values: dict[str, Any], names: dict[str, ClassNames], data: DataOptions) -> Row:
    """The row of values that ``values_of`` gave."""
    for name, value in values.items():
        if isinstance(value, Exception):
            return Row(number, problem=("malformed_row", f"column '{name}' cannot be read: {value}"))
    try:
        return make_row(number, name_columns(values, names, data), data)
    except RowError as error:
        return replace(make_row(number, values, data), labels=(), problem=error.problem)


def _without_texts(kind: pa.DataType) -> pa.DataType:
    """The type with bytes in the place of texts."""
    if pa.types.is_string(kind):
        return pa.binary()
    if pa.types.is_large_string(kind):
        return pa.large_binary()
    if pa.types.is_list(kind):
        return pa.list_(_without_texts(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_texts(field.type)) for field in kind])
    return kind


def _inner_names(field: pa.Field) -> Iterator[str]:
    kind = field.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    if pa.types.is_struct(kind):
        for inner in kind:
            yield f"{field.name}.{inner.name}"
            yield from (f"{field.name}.{name}" for name in _inner_names(inner))


def _values(column: Any) -> list[Any]:
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
