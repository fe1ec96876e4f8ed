"""Reads legacy datasets into rows: CSV, JSON, or pickles of plain data."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeGuard

import numpy as np

from diptych.pipeline.convert.errors import ConversionError
from diptych.pipeline.convert.pickles import load_pickle
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES
from diptych.pipeline.prepare.text_encoding import detect_encoding

_PICKLE_ENDINGS = (".pkl", ".pickle", ".p")


@dataclass(frozen=True)
class LegacyRow:
    """One row as the dataset has it.

    Attributes:
        values: column to value.
        problem: what is wrong with the row as a whole; empty if nothing is.
    """

    values: Mapping[str, Any]
    problem: str = ""


def is_pickle(path: str) -> bool:
    """Whether the name of a file says that it is a pickle."""
    return path.lower().endswith(_PICKLE_ENDINGS)


def read_legacy_dataset(path: str) -> Sequence[LegacyRow]:
    """Reads all rows.

    Args:
        path: ``.csv`` or ``.tsv`` with a header, in any encoding; ``.json``, an array of objects or an object of
            columns; a pickle, which is a list of dicts or of (image, description, label), a dict of columns, or a tuple
            (images, descriptions, labels).

    Raises:
        ConversionError: it is no such file, has no row, or columns of different lengths; or see ``load_pickle``.
    """
    ending = os.path.splitext(path)[1].lower()
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".json": _read_json}
    readers |= dict.fromkeys(_PICKLE_ENDINGS, _read_pickle)
    if ending not in readers:
        raise ConversionError(f"'{path}' ends with '{ending}'; convertible are {', '.join(readers)}")
    try:
        with open(path, "rb") as file:
            rows = readers[ending](file)
    except OSError as error:
        raise ConversionError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except ConversionError as error:
        raise ConversionError(f"'{path}' {error}") from None
    if not rows:
        raise ConversionError(f"'{path}' holds no row")
    return rows


def _read_pickle(file: BinaryIO) -> Sequence[LegacyRow]:
    return _rows_of(load_pickle(file))


def _read_json(file: BinaryIO) -> Sequence[LegacyRow]:
    content = file.read()
    try:
        value = json.loads(content.decode(detect_encoding(content)).removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise ConversionError(f"is not readable JSON: {error}") from None
    return _rows_of(value)


def _read_csv(file: BinaryIO) -> Sequence[LegacyRow]:
    """Reads a table in any encoding.

    Bytes that do not fit the encoding become lone surrogates, for which ``text_cell`` raises an error.
    """
    content = file.read()
    encoding = detect_encoding(content)
    try:
        text = content.decode(encoding, "surrogateescape").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ConversionError(f"is not {encoding}: {error}") from None
    csv.field_size_limit(sys.maxsize)
    # The parser of Python 3.10 refuses NUL.
    lines = io.StringIO(text.replace("\0", "\ufffd"), newline="")
    delimiter = max(",;\t|", key=lines.readline().count)
    lines.seek(0)
    return list(_parse_rows(csv.reader(lines, delimiter=delimiter, strict=True)))


def _parse_rows(parser: Iterator[list[str]]) -> Iterator[LegacyRow]:
    header: list[str] = []
    while True:
        try:
            fields = next(parser)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error) or not header:
                raise ConversionError(f"is not CSV: {error}; look for a quote that is never closed") from None
            yield LegacyRow({}, f"is not CSV: {error}")
            continue
        if not header:
            header = [_column_name(field) for field in fields]
            if doubled := sorted({name for name in header if header.count(name) > 1}):
                raise ConversionError(f"names the columns {doubled} twice")
        elif fields:
            problem = f"has {len(fields)} fields where the header names {len(header)}"
            yield LegacyRow(dict(zip(header, fields, strict=False)), "" if len(fields) == len(header) else problem)


def _rows_of(value: object) -> Sequence[LegacyRow]:
    """The rows of a list of rows, a dict of columns, or three columns in the order of ``REQUIRED_ROLES``."""
    if isinstance(value, Mapping):
        return _rows_of_columns({_column_name(key): column for key, column in value.items()})
    if not _is_sequence(value):
        raise ConversionError(f"holds a {type(value).__name__} where rows or columns are needed")
    items = list(value)
    are_columns = isinstance(value, tuple) or any(isinstance(item, np.ndarray) for item in items)
    if are_columns and len(items) == len(REQUIRED_ROLES) and all(map(_is_sequence, items)):
        return _rows_of_columns(dict(zip(REQUIRED_ROLES, items, strict=True)))
    return [_row_of(item) for item in items]


def _rows_of_columns(columns: Mapping[str, Any]) -> Sequence[LegacyRow]:
    """The rows of columns, which may be objects by index, as pandas writes JSON. Single values are left out."""
    listed = {name: list(held.values()) if isinstance(held, Mapping) else held for name, held in columns.items()}
    listed = {name: held for name, held in listed.items() if _is_sequence(held)}
    lengths = {name: len(held) for name, held in listed.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"'{name}' {length:,}" for name, length in lengths.items())
        raise ConversionError(
            f"has columns of different lengths: {counts}; every column must have a value for each row"
        )
    return [LegacyRow(dict(zip(listed, values, strict=True))) for values in zip(*listed.values(), strict=True)]


def _row_of(item: Any) -> LegacyRow:
    if isinstance(item, Mapping):
        return LegacyRow({_column_name(key): value for key, value in item.items()})
    if _is_sequence(item) and len(item) == len(REQUIRED_ROLES):
        return LegacyRow(dict(zip(REQUIRED_ROLES, item, strict=True)))
    return LegacyRow({}, f"is a {type(item).__name__}, neither a dict nor image, description and label")


def _is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _column_name(key: Any) -> str:
    """The key as text. Names of Python 2 that are not UTF-8 are bytes."""
    return key.decode("latin-1") if isinstance(key, bytes) else str(key).encode(errors="replace").decode()
