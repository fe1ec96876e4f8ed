"""Spreadsheets: a sheet of an ``.xlsx`` or ``.ods`` file is a table, whose first row names the columns."""

from __future__ import annotations

import marshal
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, BinaryIO, TypeAlias, cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import sheet_process
from diptych.components.catalogue.readers.bounds import LimitedFile
from diptych.components.catalogue.readers.cell_text import as_text
from diptych.components.catalogue.readers.header_check import check_header
from diptych.components.catalogue.readers.isolated_reading import Form, IsolatedFile
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk, RawValues, Row, catalogue_errors
from diptych.components.catalogue.readers.spool import cut_spool, read_spool, write_spool
from diptych.components.catalogue.storage import is_remote, open_file

#: What a cell may hold; an empty one, and one with an error such as #N/A, is None.
Cell: TypeAlias = "str | int | float | bool | None"

_RawRow: TypeAlias = "tuple[dict[str, Any], str | None]"
_FORM = Form("a spreadsheet", "a sheet takes more, empty cells and all; save it as CSV", "save its sheet as CSV")


class SpreadsheetReader:
    """Reads one sheet, which another process holds in memory while it is copied to a spool.

    Formulas have the values that were saved with them. Pictures inside of a sheet are not read.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; a column without a name is left out."""
        yield from (values for values, _ in self.raw_rows(source, data))

    def raw_rows(self, source: str, data: DataOptions) -> Iterator[_RawRow]:
        """The values of each row by column; no row is malformed, because a sheet has a cell for every column.

        Raises:
            CatalogueError: the file cannot be read, or it is not clear which of its sheets is meant.
        """
        rows, names = _table(sheet_rows(source, data), data, source)
        for row in rows:
            values = dict(zip(names, row, strict=False))
            values.pop("", None)
            yield values, None

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``."""
        rows, names = _table(sheet_rows(source, data), data, source)
        check_header(names, data, source)
        used = data.wanted_names
        kept = [(place, name) for place, name in enumerate(names) if name in used]
        write_spool(spool, source, data, (({name: row[place] for place, name in kept}, None) for row in rows))
        return cut_spool(source, source_index, data, spool)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return read_spool(chunk, data)


def sheet_rows(source: str, data: DataOptions, sheet: str | None = None) -> Iterator[list[Cell]]:
    """The cells of each row of a sheet, from the first column on that holds anything; blank rows are among them.

    A cell that is merged over several rows is a cell of each, but of its first column only.

    Args:
        sheet: its name; without it, that of ``data.table.sheet``, or the only sheet that holds anything.

    Raises:
        CatalogueError: the file cannot be read or is too large, or it is not clear which of its sheets is meant.
    """
    name = sheet or _choose_sheet(source, data)
    return (row for block in _ask(source, data, sheet_process.rows, name) for row in block)


def filled_sheets(source: str, data: DataOptions) -> list[str]:
    """The names of the sheets that are shown and hold anything.

    Raises:
        CatalogueError: the file cannot be read or is too large.
    """
    return [name for name, is_filled in _ask(source, data, sheet_process.sheets) if is_filled]


def has_pictures(source: str, data: DataOptions) -> bool:
    """Whether pictures lie inside of the file.

    Raises:
        CatalogueError: the file cannot be read.
    """
    return any(_ask(source, data, sheet_process.pictures))


def _ask(source: str, data: DataOptions, function: Callable[..., Iterator[bytes]], *arguments: str) -> Iterator[Any]:
    """What a function of ``sheet_process`` yields."""
    with catalogue_errors(source), _open_on_disk(source, data) as file:
        yield from map(marshal.loads, IsolatedFile(file, source, data, _FORM).read(function, *arguments))


@contextmanager
def _open_on_disk(source: str, data: DataOptions) -> Iterator[BinaryIO]:
    """Opens a file that another process can read; a remote one is copied."""
    with open_file(source, data.fetch, data.limits) as file:
        if not is_remote(source):
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, LimitedFile(cast(BinaryIO, copy), source, data))
            copy.seek(0)
            yield cast(BinaryIO, copy)


def _choose_sheet(source: str, data: DataOptions) -> str:
    sheets: dict[str, bool] = dict(_ask(source, data, sheet_process.sheets))
    known = ", ".join(sheets)
    if named := data.table.sheet:
        if named in sheets:
            return named
        raise CatalogueError(f"data.table.sheet: '{source}' has no sheet '{named}'; its sheets are {known}")
    filled = [name for name, is_filled in sheets.items() if is_filled]
    if len(filled) > 1:
        known = ", ".join(filled)
        raise CatalogueError(f"data.table.sheet: '{source}' has several sheets that hold something: {known}; name one")
    if not filled:
        raise CatalogueError(f"data.catalogue: '{source}' holds nothing in any sheet that is shown")
    return filled[0]


def _table(rows: Iterator[list[Cell]], data: DataOptions, source: str) -> tuple[Iterator[list[Cell]], list[str]]:
    """The rows below the header that are not blank, and the names of their cells."""
    below = islice(rows, data.table.skip_lines, None)
    filled = (row for row in below if any(cell is not None for cell in row))
    first = next(filled, None)
    if first is None:
        raise CatalogueError(f"data.catalogue: '{source}' is empty; its first row must name the columns")
    if data.table.header:
        return filled, [as_text(cell).strip() for cell in first]
    return chain([first], filled), [str(number) for number in range(1, len(first) + 1)]
