"""Datasets of old, read to rows: CSV, JSON, or pickles of plain data."""

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

from diptych.models.errors import DiptychError
from diptych.pipeline.convert.pickles import PickleFileError, load
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES
from diptych.pipeline.prepare.text_encoding import detect_encoding

_PICKLES = (".pkl", ".pickle", ".p")


class OldDataError(DiptychError):
    """The dataset as a whole cannot be read; the message names the file and the remedy."""


@dataclass(frozen=True)
class OldRow:
    """One row as the dataset has it.

    Attributes:
        values: column to value.
        problem: what is wrong with the row as a whole.
    """

    values: Mapping[str, Any]
    problem: str = ""


def read_old(path: str) -> Sequence[OldRow]:
    """Reads all rows.

    Args:
        path: ``.csv`` or ``.tsv`` with a header, in any encoding; ``.json``, an array of objects or an object of
            columns; a pickle, a list of dicts or of (image, description, label), a dict of columns, or a tuple (images,
            descriptions, labels).

    Raises:
        OldDataError: it is no such file, has no row, or columns of different lengths.
        PickleFileError: see ``diptych.pipeline.convert.pickles.load``.
    """
    ending = os.path.splitext(path)[1].lower()
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".json": _read_json, **dict.fromkeys(_PICKLES, _read_pickle)}
    if ending not in readers:
        raise OldDataError(f"'{path}' ends with '{ending}'; convertible are {', '.join(readers)}")
    try:
        with open(path, "rb") as file:
            rows = readers[ending](file)
    except OSError as error:
        raise OldDataError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except (OldDataError, PickleFileError) as error:
        raise type(error)(f"'{path}' {error}") from None
    if not rows:
        raise OldDataError(f"'{path}' holds no row")
    return rows


def _read_pickle(file: BinaryIO) -> Sequence[OldRow]:
    return _rows_of(load(file))


def _read_json(file: BinaryIO) -> Sequence[OldRow]:
    content = file.read()
    try:
        return _rows_of(json.loads(content.decode(detect_encoding(content)).removeprefix("\ufeff")))
    except (ValueError, RecursionError) as error:
        if isinstance(error, OldDataError):
            raise
        raise OldDataError(f"is not readable JSON: {error}") from None


def _read_csv(file: BinaryIO) -> Sequence[OldRow]:
    """Bytes that do not fit the encoding become lone surrogates, as lone surrogates of JSON and pickles are."""
    content = file.read()
    encoding = detect_encoding(content)
    try:
        text = content.decode(encoding, "surrogateescape").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise OldDataError(f"is not {encoding}: {error}") from None
    csv.field_size_limit(sys.maxsize)
    # Python 3.10's parser refuses NUL.
    lines = io.StringIO(text.replace("\0", "\ufffd"), newline="")
    delimiter = max(",;\t|", key=lines.readline().count)
    lines.seek(0)
    return list(_records(csv.reader(lines, delimiter=delimiter, strict=True)))


def _records(parser: Iterator[list[str]]) -> Iterator[OldRow]:
    header: list[str] = []
    while True:
        try:
            fields = next(parser)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error) or not header:
                raise OldDataError(f"is not CSV: {error}; look for a quote that is never closed") from None
            yield OldRow({}, f"is not CSV: {error}")
            continue
        if not header:
            header = [_name(field) for field in fields]
            if doubled := sorted({name for name in header if header.count(name) > 1}):
                raise OldDataError(f"names the columns {doubled} twice")
        elif fields:
            told = f"has {len(fields)} fields where the header names {len(header)}"
            yield OldRow(dict(zip(header, fields, strict=False)), "" if len(fields) == len(header) else told)


def _rows_of(value: object) -> Sequence[OldRow]:
    """The rows of a list of rows, a dict of columns or three columns."""
    if isinstance(value, Mapping):
        return _rows_of_columns({_name(key): column for key, column in value.items()})
    if not _is_sequence(value):
        raise OldDataError(f"holds a {type(value).__name__} where rows or columns are needed")
    items = list(value)
    are_columns = isinstance(value, tuple) or any(isinstance(item, np.ndarray) for item in items)
    if are_columns and len(items) == len(REQUIRED_ROLES) and all(map(_is_sequence, items)):
        return _rows_of_columns(dict(zip(REQUIRED_ROLES, items, strict=True)))
    return [_row_of(item) for item in items]


def _rows_of_columns(columns: Mapping[str, Any]) -> Sequence[OldRow]:
    """Pandas writes a column of JSON as an object, by index. Single values beside the columns are none."""
    listed = {name: list(held.values()) if isinstance(held, Mapping) else held for name, held in columns.items()}
    listed = {name: held for name, held in listed.items() if _is_sequence(held)}
    lengths = {name: len(held) for name, held in listed.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' {length:,}" for name, length in lengths.items())
        raise OldDataError(f"has columns of different lengths: {told}; every column must have a value for each row")
    return [OldRow(dict(zip(listed, values, strict=True))) for values in zip(*listed.values(), strict=True)]


def _row_of(item: Any) -> OldRow:
    if isinstance(item, Mapping):
        return OldRow({_name(key): value for key, value in item.items()})
    if _is_sequence(item) and len(item) == len(REQUIRED_ROLES):
        return OldRow(dict(zip(REQUIRED_ROLES, item, strict=True)))
    return OldRow({}, f"is a {type(item).__name__}, neither a dict nor image, description and label")


def _is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _name(key: Any) -> str:
    """Python 2's names are bytes where they are no UTF-8."""
    return key.decode("latin-1") if isinstance(key, bytes) else str(key).encode(errors="replace").decode()
