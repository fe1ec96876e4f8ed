"""Checks that a table's header names the columns that the settings name; else says what the table's settings may be."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.dialect import Dialect, Layout
from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.components.catalogue.readers.rows import CatalogueError, check_columns

_DELIMITERS = ",;\t|"


def check_header(names: Sequence[str], data: DataOptions, source: str, hints: Iterable[str] = ()) -> None:
    """Checks the columns of a table, and that its header is no row.

    Args:
        hints: what else the settings of the table may be.

    Raises:
        CatalogueError: a column is missing or named twice, or the column of images has a path for a name; the message
            names the setting of the table that is likely to be wrong.
    """
    try:
        check_columns(names, data, source)
    except CatalogueError as error:
        raise CatalogueError("; ".join([str(error), *hints, *_header_hints(names, data)])) from None
    if data.table.header and has_image_ending(data.columns.image) and data.columns.image in names:
        raise CatalogueError(
            f"data.columns.image: '{data.columns.image}' is a path, not the name of a column: the first row of "
            f"'{source}' is no header; say data.table.header: false, and name columns by their numbers"
        )


def delimiter_hints(layout: Layout, data: DataOptions) -> Iterator[str]:
    """What ``data.table.delimiter`` may be for a file that seems to lack columns."""
    if not data.table.header:
        return
    if delimiter := _better_delimiter(layout, set(data.used_columns)):
        yield f"the first line looks parted by {_spelt(delimiter)}: say data.table.delimiter: {_spelt(delimiter)}"
    elif len(layout.names) == 1:
        yield "data.table.delimiter says how lines are parted, data.table.skip_lines how many stand above the header"


def _header_hints(names: Sequence[str], data: DataOptions) -> Iterator[str]:
    if not data.table.header:
        yield "data.table.header is false, so columns are named by their numbers"
    elif any(map(has_image_ending, names)) or any(column.isdigit() for column in data.used_columns):
        yield "if the first row is no header, say data.table.header: false and name columns by their numbers, from 1"


def _better_delimiter(layout: Layout, wanted: set[str]) -> str | None:
    """The delimiter that parts the header into more of the wanted columns, or into some where there was one."""
    found = {delimiter: _names(layout, delimiter) for delimiter in (layout.dialect.delimiter, *_DELIMITERS)}
    merits = {delimiter: (len(wanted & set(names)), len(names)) for delimiter, names in found.items()}
    best = max(merits, key=lambda delimiter: merits[delimiter])
    has_more_wanted = merits[best][0] > merits[layout.dialect.delimiter][0]
    return best if has_more_wanted or (len(layout.names) == 1 < merits[best][1]) else None


def _names(layout: Layout, delimiter: str) -> list[str]:
    if delimiter in (layout.dialect.table.quote, layout.dialect.table.escape):
        return []
    try:
        return next(Dialect(delimiter, layout.dialect.table).parser([layout.header], strict=False))
    except (csv.Error, StopIteration):
        return []


def _spelt(delimiter: str) -> str:
    return '"\\t"' if delimiter == "\t" else f"'{delimiter}'"
