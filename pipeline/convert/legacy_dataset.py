"""Reads legacy datasets into rows: CSV, JSON, or pickles of plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import CatalogueFormat, DataOptions
from diptych.components.catalogue.readers.delimited import CsvReader, TsvReader
from diptych.components.catalogue.readers.json_document import JsonReader
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.models.os_errors import explain_cause
from diptych.pipeline.convert.errors import ConversionError
from diptych.pipeline.convert.pickles import load_pickle
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES
from diptych.pipeline.prepare.proposals.decisions import Decision, apply_decisions
from diptych.pipeline.prepare.proposals.encodings import propose_encoding
from diptych.pipeline.prepare.proposals.tables import field_names, propose_table
from diptych.pipeline.prepare.yaml_text import format_value

_KINDS: Mapping[str, CatalogueFormat] = {".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".json": "json"}
_TABLE_ENDINGS = tuple(_KINDS)
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


@dataclass(frozen=True)
class LegacyDataset:
    """All rows of a dataset.

    Attributes:
        notes: how its table was understood, where that is not plain, as sentences for a person.
    """

    rows: Sequence[LegacyRow]
    notes: Sequence[str] = ()


def read_legacy_dataset(path: str) -> LegacyDataset:
    """Reads all rows.

    Args:
        path: a pickle, which is a list of dicts or of (image, description, label), a dict of columns, or a tuple
            (images, descriptions, labels); or a table that a run reads too: ``.csv``, ``.tsv``, ``.txt`` or ``.json``,
            whose dialect, header and encoding are found as ``diptych init`` finds them.

    Raises:
        ConversionError: it is no such file, has no row, or columns of different lengths; or see ``load_pickle``.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in (*_TABLE_ENDINGS, *_PICKLE_ENDINGS):
        known = ", ".join((*_TABLE_ENDINGS, *_PICKLE_ENDINGS))
        raise ConversionError(f"'{path}' ends with '{ending}'; convertible are {known}")
    try:
        dataset = read_table(path) if ending in _TABLE_ENDINGS else LegacyDataset(_read_pickle(path))
    except OSError as error:
        raise ConversionError(f"'{path}' cannot be read: {explain_cause(error)}") from None
    except ConversionError as error:
        raise ConversionError(f"'{path}' {error}") from None
    except CatalogueError as error:
        raise ConversionError(str(error).removeprefix("data.catalogue: ")) from None
    if not dataset.rows:
        raise ConversionError(f"'{path}' holds no row")
    return dataset


def read_table(path: str) -> LegacyDataset:
    """Reads a table as a run reads it by the settings that ``diptych init`` proposes.

    Raises:
        CatalogueError: it cannot be read, or it is not clear what its rows are.
        ConversionError: it names a column twice, of which a row can keep one.
        OSError: it cannot be opened.
    """
    # Lines of JSON are one of the forms of a JSON document.
    kind = _KINDS[os.path.splitext(path)[1].lower()]
    catalogue = Catalogue.open(DataOptions(catalogue=path, format=kind))
    decisions = propose_encoding(catalogue)
    decisions += propose_table(apply_decisions(catalogue, decisions))
    catalogue = apply_decisions(catalogue, decisions)
    reader = JsonReader() if kind == "json" else TsvReader() if kind == "tsv" else CsvReader()
    names = field_names(catalogue)
    if doubled := sorted({name for name in names if name and names.count(name) > 1}):
        raise ConversionError(f"names the columns {doubled} twice; rename all but one of each")
    raw_rows = reader.raw_rows(path, catalogue.data)
    rows = [LegacyRow(values, problem or "") for values, problem in raw_rows]
    return LegacyDataset(rows, [_note(decision) for decision in decisions])


def _note(decision: Decision) -> str:
    alternatives = "".join(f"; or {alternative}" for alternative in decision.alternatives)
    return f"{decision.key}: {format_value(decision.value)} ({decision.reason}{alternatives})"


def _read_pickle(path: str) -> Sequence[LegacyRow]:
    with open(path, "rb") as file:
        return _rows_of(load_pickle(file))


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
