"""When init takes several columns for the labels of a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.label_columns import propose_label_columns
from tests.pipeline.prepare.proposals.evidence import evidence_of_rows, settings_of

SETS = [("cat", "", ""), ("cat", "dog", ""), ("bird", "cat", ""), ("dog", "", "")]


def rows_of(*names: str) -> list[dict[str, Any]]:
    return [dict(zip(names, labels, strict=True)) for labels in SETS * 3]


@pytest.mark.parametrize("names", [("label1", "label2", "label3"), ("tag_0", "tag_1", "tag_2"), ("y1", "y2", "y3")])
def test_numbered_columns_of_the_same_labels_make_a_template(tmp_path: Path, names: tuple[str, ...]) -> None:
    evidence = evidence_of_rows(tmp_path, rows_of(*names), columns={"label": names[0], "description": None})
    decisions = propose_label_columns(evidence)
    template = f"{{{names[0]}}}|{{{names[1]}}}|{{{names[2]}}}"
    assert decisions[0] == Decision(
        "data.columns.label",
        template,
        "3 columns hold labels of the same names; 3 different ones",
        [f"data.columns.label: {name}" for name in names],
    )
    decided = evidence.decided(decisions)
    assert [decided.row(place).labels for place in range(3)] == [("cat",), ("cat", "dog"), ("bird", "cat")]


def test_another_separator_is_taken_where_labels_hold_the_first(tmp_path: Path) -> None:
    rows = [{"label1": "a|b", "label2": "c"}, {"label1": "c", "label2": ""}]
    found = settings_of(propose_label_columns, evidence_of_rows(tmp_path, rows, columns={"label": "label1"}))
    assert found == {"columns.label": "{label1};{label2}", "label_separator": ";"}


@pytest.mark.parametrize(
    "rows",
    [
        [{"label1": "pet", "label2": "cat"}, {"label1": "wild", "label2": "wolf"}],
        [{"label1": "cat", "label2": ""}, {"label1": "dog", "label2": ""}],
        [{"label1": 1, "label2": 2}, {"label1": 2, "label2": 1}],
        [{"label1": "cat", "colour2": "cat"}, {"label1": "dog", "colour2": "dog"}],
    ],
)
def test_other_columns_are_none(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    assert propose_label_columns(evidence_of_rows(tmp_path, rows, columns={"label": "label1"})) == []


def test_columns_of_other_names_are_none(tmp_path: Path) -> None:
    rows = [{"eye1": "blue", "eye2": "brown"}, {"eye1": "brown", "eye2": "brown"}]
    assert propose_label_columns(evidence_of_rows(tmp_path, rows, columns={"label": "eye1"})) == []
