"""Reads a spreadsheet in a process of limited memory and time: a small file may stand for sheets that fill any memory.

``calamine`` holds a whole sheet in memory, empty cells and all, and ends its process if it gets none. Where the XML of
an ``.ods`` file is damaged, it may read for ever.
"""

from __future__ import annotations

import marshal
import resource
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import python_calamine as calamine

from diptych.components.catalogue.readers.cell_text import as_whole

#: Exit codes: the file is no spreadsheet, which the last value explains; it takes too much memory.
BROKEN, TOO_LARGE = 3, 4

# Beside the sheet: Python and the libraries.
_BASE_BYTES = 256 << 20
# Rows are handed over together, as many as have so many cells.
_CELLS_PER_BLOCK = 10_000
# Where pictures lie, which are not read.
_PICTURE_FOLDERS = ("xl/media/", "Pictures/")


def main() -> None:
    """Writes marshalled values to the standard output, of the file that is the standard input.

    The arguments are the memory that a sheet may take, in bytes, the time on a processor, in seconds, a name of
    ``_ANSWERS``, and what this takes.
    """
    limit = int(sys.argv[1]) + _BASE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2]) + 1))
    try:
        for value in _ANSWERS[sys.argv[3]](sys.stdin.buffer, *sys.argv[4:]):
            marshal.dump(value, sys.stdout.buffer)
    except MemoryError:
        sys.exit(TOO_LARGE)
    # zipfile does not know what archives of later versions have, nor whether names are what they say.
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, calamine.CalamineError) as error:
        marshal.dump(str(error), sys.stdout.buffer)
        sys.exit(BROKEN)


def _sheets(file: Any) -> Iterator[tuple[str, bool]]:
    """The name of each sheet, and whether it is shown and holds anything."""
    with calamine.CalamineWorkbook.from_filelike(file) as workbook:
        for sheet in workbook.sheets_metadata:
            is_shown = sheet.visible == calamine.SheetVisibleEnum.Visible
            yield sheet.name, is_shown and workbook.get_sheet_by_name(sheet.name).start is not None


def _rows(file: Any, name: str) -> Iterator[list[list[Any]]]:
    """Blocks of the rows of a sheet, each of which is the list of its cells."""
    with calamine.CalamineWorkbook.from_filelike(file) as workbook:
        sheet = workbook.get_sheet_by_name(name)
        continued, above = _continued(sheet), list[Any]()
        block: list[list[Any]] = []
        for number, row in enumerate(sheet.iter_rows()):
            above = [above[place] if (number, place) in continued else _cell(value) for place, value in enumerate(row)]
            block.append(above)
            if len(block) * len(above) >= _CELLS_PER_BLOCK:
                yield block
                block = []
        yield block


def _pictures(file: Any) -> Iterator[bool]:
    """Whether pictures lie inside of the file."""
    with zipfile.ZipFile(file) as archive:
        yield any(name.startswith(_PICTURE_FOLDERS) for name in archive.namelist())


_ANSWERS: dict[str, Callable[..., Iterator[Any]]] = {"sheets": _sheets, "rows": _rows, "pictures": _pictures}


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


if __name__ == "__main__":
    main()
