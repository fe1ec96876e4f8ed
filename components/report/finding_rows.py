"""Findings with the rows that show them, those of one image side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from diptych.components.report.report_data import DisplayedRow, Finding

#: The most rows of a finding, and the most findings, that are shown with pictures: the page must stay small.
MAX_ROWS, MAX_FINDINGS = 8, 24

#: Rows that are shown together.
RowGroups = Sequence[Sequence[DisplayedRow]]

_T = TypeVar("_T")


@dataclass(frozen=True)
class ShownFinding:
    """A finding and some of its rows."""

    finding: Finding
    groups: RowGroups


def show_findings(findings: Iterable[Finding], rows: Mapping[int, RowGroups]) -> list[ShownFinding]:
    """The findings with their rows, those that stop the run first.

    Args:
        rows: index of a finding to its rows.
    """
    shown = [ShownFinding(finding, rows.get(index, ())) for index, finding in enumerate(findings)]
    return sorted(shown, key=lambda each: each.finding.severity != "stop")


def choose_rows(findings: Sequence[Finding], place_of_id: Mapping[str, _T]) -> dict[int, list[_T]]:
    """Of some findings, index in ``findings`` to the places of some of their rows; those that stop the run go first.

    Args:
        place_of_id: id to the place of the row, for the rows that can be shown.
    """
    # A rejected row may have the id of one that is kept.
    shown = [index for index, finding in enumerate(findings) if finding.rule != "rejects"]
    order = sorted(shown, key=lambda index: findings[index].severity != "stop")[:MAX_FINDINGS]
    places = {
        index: [place_of_id[row_id] for row_id in findings[index].ids if row_id in place_of_id][:MAX_ROWS]
        for index in order
    }
    return {index: of_finding for index, of_finding in places.items() if of_finding}


def group_by_image(rows: Sequence[DisplayedRow], digests: Sequence[str]) -> list[list[DisplayedRow]]:
    """Puts rows together that follow one another and have the same image.

    Args:
        digests: that of each row's image.
    """
    pairs = zip(digests, rows, strict=True)
    return [[row for _, row in group] for _, group in groupby(pairs, key=lambda pair: pair[0])]
