"""How the rejected rows are laid out: grouped by reason, and as a CSV file to download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from diptych.components.catalogue.reasons import REASONS
from diptych.components.report.formatting import encode_base64
from diptych.components.report.report_data import RejectedRow

_ROWS_BY_REASON = 20
# The most characters of the CSV file: the whole page must stay below 5 MB.
_MAX_CSV_CHARACTERS = 700_000
# A spreadsheet takes a cell that starts so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class RejectGroup:
    """The rejected rows of a reason: what to do, their number, and the first of them with their indices among all."""

    reason: str
    remedy: str
    count: int
    rows: Sequence[tuple[int, RejectedRow]]


def group_rejects(counts: Mapping[str, int], rows: Iterable[RejectedRow]) -> list[RejectGroup]:
    """Groups rejected rows by reason, most frequent reason first.

    Args:
        counts: reason to number of rows.
        rows: the rows; they may be fewer than ``counts`` says.
    """
    by_reason: dict[str, list[tuple[int, RejectedRow]]] = {reason: [] for reason in counts}
    for index, row in enumerate(rows):
        if len(by_reason.setdefault(row.reason, [])) < _ROWS_BY_REASON:
            by_reason[row.reason].append((index, row))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [RejectGroup(reason, REASONS.get(reason, ""), count, by_reason[reason]) for reason, count in ordered]


def rejects_csv_uri(rows: Sequence[RejectedRow]) -> str:
    """The first rejected rows, as many as the page has room for, as a ``data:`` URI of a CSV file."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["source", "row", "id", "image", "reason", "detail"])
    for row in rows:
        if file.tell() > _MAX_CSV_CHARACTERS:
            break
        writer.writerow([_escape(row.source), row.row, *map(_escape, (row.id, row.image, row.reason, row.detail))])
    return "data:text/csv;charset=utf-8;base64," + encode_base64(file.getvalue().encode("utf-8", "replace"))


def _escape(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
