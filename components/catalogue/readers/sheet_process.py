"""What a process of its own reads of a spreadsheet, see ``isolated_reading``. Values are marshalled.

A small file may stand for sheets that fill any memory: ``calamine`` holds a whole sheet in memory, empty cells and all,
and ends its process if it gets none. Where the XML of an ``.ods`` file is damaged, it may read for ever.
"""

from __future__ import annotations

import marshal
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import python_calamine as calamine

from diptych.components.catalogue.readers.cell_text import as_whole
from diptych.components.catalogue.readers.reading_process import BrokenFileError

# Rows are handed over together, as many as have so many cells.
_CELLS_PER_BLOCK = 10_000
# Where pictures lie, which are not read.
_PICTURE_FOLDERS = ("xl/media/", "Pictures/")


def sheets(file: BinaryIO) -> Iterator[bytes]:
    """The name of each sheet, and whether it is shown and holds anything."""
    with _errors(), calamine.CalamineWorkbook.from_filelike(file) as workbook:  # type: ignore[arg-type]
        for sheet in workbook.sheets_metadata:
            is_shown = sheet.visible == calamine.SheetVisibleEnum.Visible
            is_filled = is_shown and workbook.get_sheet_by_name(sheet.name).start is not None
            yield marshal.dumps((sheet.name, is_filled))


def rows(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Blocks of the rows of a sheet, each of which is the list of its cells."""
    with _errors(), calamine.CalamineWorkbook.from_filelike(file) as workbook:  # type: ignore[arg-type]
        sheet = workbook.get_sheet_by_name(name)
        continued, above = _continued(sheet), list[Any]()
        block: list[list[Any]] = []
        for number, row in enumerate(sheet.iter_rows()):
            above = [above[place] if (number, place) in continued else _cell(value) for place, value in enumerate(row)]
            block.append(above)
            if len(block) * len(above) >= _CELLS_PER_BLOCK:
                yield marshal.dumps(block)
                block = []
        yield marshal.dumps(block)


def pictures(file: BinaryIO) -> Iterator[bytes]:
    """Whether pictures lie inside of the file."""
    with _errors(), zipfile.ZipFile(file) as archive:
        yield marshal.dumps(any(name.startswith(_PICTURE_FOLDERS) for name in archive.namelist()))


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    # zipfile does not know what archives of later versions have, nor whether names are what they say.
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, calamine.CalamineError) as error:
        raise BrokenFileError(str(error)) from None


def _continued(sheet: calamine.CalamineSheet) -> set[tuple[int, int]]:
    """The row and the place in it of each cell that belongs to a merged one which begins above."""
    if sheet.start is None or sheet.end is None:
        return set()
    (_, first), (last, _) = sheet.start, sheet.end
    return {
        (row, column - first)
        for (top, column), (bottom, _) in sheet.merged_cell_ranges or ()
        for row in range(top + 1, min(bottom, last) + 1)
    }


def _cell(value: Any) -> Any:
    if value == "":
        return None
    if isinstance(value, float):
        return as_whole(value)
    if isinstance(value, (str, bool, int)):
        return value
    return str(value)
