"""What init says of labels as a whole."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.labels import propose_labels
from tests.pipeline.prepare.proposals.evidence import evidence_of, evidence_of_rows, settings_of


def test_plain_labels_need_no_decision(tmp_path: Path) -> None:
    assert propose_labels(evidence_of_rows(tmp_path, [{"label": "cat"}, {"label": "dog"}] * 5)) == []


def test_each_decision_is_taken_in_view_of_those_before(tmp_path: Path) -> None:
    """Numbered classes in inner folders get their names."""
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    for number in range(4):
        path = tmp_path / "all" / str(number % 2) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    evidence = evidence_of(tmp_path)
    assert settings_of(propose_labels, evidence) == {
        "class_folder": "leaf",
        "columns.label": "label",
        "class_names": "classes.txt",
    }
    assert propose_labels(evidence)[1].reason == "the class to learn: the names of folders; 2 different values"


def test_texts_of_json_are_no_numbers(tmp_path: Path) -> None:
    assert propose_labels(evidence_of_rows(tmp_path, [{"label": "1.0"}, {"label": "2.0"}])) == []
    (decision,) = propose_labels(evidence_of_rows(tmp_path, [{"label": 1.0}, {"label": 2.0}]))
    assert decision.reason == "the class to learn; 1.0 is read as 1"


def test_a_column_of_numbers_with_a_gap_is_said_to_be_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pd.DataFrame({"image": ["a.jpg", "b.jpg"], "label": [3, None]}).to_csv(path, index=False)
    reason = "the class to learn; 3.0 is read as 3, for labels that are missing make floats of numbers"
    assert propose_labels(evidence_of(path)) == [Decision("data.columns.label", "label", reason)]
