"""Which sheet of a spreadsheet is the catalogue, and where its table begins."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.components.catalogue.readers.spreadsheet import filled_sheets, has_pictures, sheet_rows
from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.headings import count_known_names, heading_decisions, judge_heading

_FIRST_ROWS = 500
_MAX_LEADING_ROWS = 20


def propose_sheet(source: str, data: DataOptions) -> list[Decision]:
    """The sheet that names images, the rows above its table, and whether the first of the table is a header.

    Raises:
        CatalogueError: the file cannot be read.
    """
    sheets = {name: _first_rows(source, data, name) for name in filled_sheets(source, data)}
    if not sheets:
        return []
    best = max(sheets, key=lambda name: (_count_images(sheets[name]), sum(map(any, sheets[name]))))
    decisions = []
    others = [f"data.table.sheet: {name}" for name in sheets if name != best]
    reasons = [f"of {len(sheets)} sheets, it names the most images"] if others else []
    if has_pictures(source, data):
        reasons.append("pictures inside of a sheet are not read, only files that it names")
    if reasons:
        decisions.append(Decision("data.table.sheet", best, "; ".join(reasons), others))
    return decisions + _propose_table(sheets[best])


def _propose_table(rows: list[list[str]]) -> list[Decision]:
    filled = [(place, row) for place, row in enumerate(rows) if any(row)]
    width = _width([row for _, row in filled])
    wide = [place for place, row in filled[:_MAX_LEADING_ROWS] if sum(map(bool, row)) >= max(2, width - 1)]
    start = wide[0] if wide else filled[0][0]
    first, *below = [row for place, row in filled if place >= start]
    decisions = []
    if start > filled[0][0]:
        decisions.append(Decision("data.table.skip_lines", start, "rows above the table"))
    heading = judge_heading(first, below, count_known_names(first), lambda _: False)
    return decisions + heading_decisions(heading)


def _width(rows: list[list[str]]) -> int:
    counts = Counter(sum(map(bool, row)) for row in rows)
    return max(counts, key=lambda width: (counts[width], width))


def _first_rows(source: str, data: DataOptions, sheet: str) -> list[list[str]]:
    rows = islice(sheet_rows(source, data, sheet), _FIRST_ROWS)
    return [["" if cell is None else str(cell) for cell in row] for row in rows]


def _count_images(rows: list[list[str]]) -> int:
    return sum(any(map(has_image_ending, row)) for row in rows)
