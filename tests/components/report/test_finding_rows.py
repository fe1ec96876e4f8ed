"""The rows of findings: which are shown, and which stand together."""

from __future__ import annotations

from typing import Literal

from diptych.components.report.finding_rows import (
    MAX_FINDINGS,
    MAX_ROWS,
    choose_rows,
    group_by_image,
    show_findings,
)
from diptych.components.report.report_data import DisplayedRow, Finding


def finding(ids: list[str], severity: Literal["warn", "stop"] = "warn", rule: str = "size") -> Finding:
    return Finding(rule=rule, severity=severity, message="m", ids=ids)


def row(row_id: str) -> DisplayedRow:
    return DisplayedRow(row_id, "train", "a", "")


def test_the_rows_that_can_be_shown_are_chosen() -> None:
    places = {"a": 1, "b": 2, "c": 3}
    assert choose_rows([finding(["b", "x", "a"]), finding(["x"]), finding(["c"])], places) == {0: [2, 1], 2: [3]}


def test_a_rejected_row_is_not_taken_for_the_kept_one_of_its_id() -> None:
    assert choose_rows([finding(["a"], rule="rejects")], {"a": 1}) == {}


def test_of_many_findings_and_rows_some_are_chosen_and_those_that_stop_first() -> None:
    ids = [str(n) for n in range(MAX_ROWS + 3)]
    findings = [finding(ids)] * (MAX_FINDINGS + 5) + [finding(ids, "stop")]
    chosen = choose_rows(findings, {row_id: int(row_id) for row_id in ids})
    assert len(chosen) == MAX_FINDINGS
    assert len(findings) - 1 in chosen
    assert set(map(len, chosen.values())) == {MAX_ROWS}


def test_rows_of_one_image_that_follow_one_another_stand_together() -> None:
    rows = [row(name) for name in "abcd"]
    assert [[each.id for each in group] for group in group_by_image(rows, ["x", "x", "y", "x"])] == [
        ["a", "b"],
        ["c"],
        ["d"],
    ]


def test_findings_keep_their_rows_where_those_that_stop_come_first() -> None:
    first, second = finding(["a"]), finding(["b"], "stop")
    shown = show_findings([first, second], {0: [[row("a")]]})
    assert [(each.finding, len(each.groups)) for each in shown] == [(second, 0), (first, 1)]
