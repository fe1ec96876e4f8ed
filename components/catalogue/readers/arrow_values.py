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
from diptych.components.catalogue.readers.batch_blocks import LargeRow, from_blocks
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


def sample_rows(
    found: Iterable[dict[str, Any]], names: dict[str, ClassNames], data: DataOptions
) -> Iterator[RawValues]:
    """The rows that can be read, with names of classes; nested values have dotted names."""
    for values in found:
        if not any(isinstance(value, Exception) for value in values.values()):
            with suppress(RowError):
                yield flatten(name_columns(values, names, data))


def read_values(blocks: Iterator[bytearray]) -> tuple[pa.Schema, Iterator[dict[str, Any]]]:
    """The schema of blocks, and the values of each row by column.

    In the place of a value is an error where Python cannot represent it, or where its row is too large.
    """
    schema, batches = from_blocks(blocks)
    return schema, (values for batch in batches for values in _rows_of(batch, schema))


def _rows_of(batch: pa.RecordBatch | LargeRow, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    if isinstance(batch, LargeRow):
        error = ValueError(f"its row has {batch.size / 1e6:,.0f} MB, see data.limits.memory_mb")
        return iter([dict.fromkeys(schema.names, error)])
    columns = [_values(column) for column in batch.columns]
    return (dict(zip(schema.names, values, strict=True)) for values in zip(*columns, strict=True))


def row_of(number: int, values: dict[str, Any], names: dict[str, ClassNames], data: DataOptions) -> Row:
    """The row of values that ``read_values`` gave."""
    for name, value in values.items():
        if isinstance(value, Exception):
            return Row(number, problem=("malformed_row", f"column '{name}' cannot be read: {value}"))
    try:
        return make_row(number, name_columns(values, names, data), data)
    except RowError as error:
        return replace(make_row(number, values, data), labels=(), problem=error.problem)


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
