"""Which columns init takes for one-hot ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.one_hot import propose_one_hot
from tests.pipeline.prepare.proposals.evidence import evidence_of_rows, settings_of

CLASSES = ["cat", "dog", "bird"]


def one_hot(names: list[str], count: int = 30) -> list[dict[str, Any]]:
    """Rows with a 1 in one of the columns by turns."""
    return [{name: int(row % len(names) == place) for place, name in enumerate(names)} for row in range(count)]


def test_columns_of_which_one_holds_a_one_are_classes(tmp_path: Path) -> None:
    assert propose_one_hot(evidence_of_rows(tmp_path, one_hot(CLASSES), columns={"label": "cat"})) == [
        Decision("data.columns.label", CLASSES, "one-hot: one of 3 columns holds a 1 in each of 30 rows")
    ]


def test_a_prefix_that_means_label_belongs_to_no_name(tmp_path: Path) -> None:
    rows = one_hot(["label_cat", "label_dog"])
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows, columns={"label": "label_cat"})) == {
        "columns.label": ["label_cat", "label_dog"],
        "class_names": {"label_cat": "cat", "label_dog": "dog"},
    }
    rows = one_hot(["red_car", "red_bus"])
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows)) == {"columns.label": ["red_car", "red_bus"]}


def test_other_columns_of_zeros_and_ones_are_left_out(tmp_path: Path) -> None:
    attributes = [{"in_stock": row % 2, "is_new": row // 2 % 2} for row in range(30)]
    rows = [{**flags, **classes} for flags, classes in zip(attributes, one_hot(CLASSES), strict=True)]
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows)) == {"columns.label": CLASSES}


def test_several_ones_are_several_labels_with_a_doubt(tmp_path: Path) -> None:
    rows = [{"cat": row % 2, "dog": row // 2 % 2, "bird": int(row % 5 == 0)} for row in range(20)]
    label, several = propose_one_hot(evidence_of_rows(tmp_path, rows, columns={"label": "cat"}))
    assert (label.value, label.alternatives[0]) == (CLASSES, "data.columns.label: cat")
    assert (several.key, several.value) == ("data.several_labels", True)
    assert several.reason == "7 of 20 rows have several ones"


def test_rows_without_a_one_are_counted(tmp_path: Path) -> None:
    rows = one_hot(CLASSES, 27) + [dict.fromkeys(CLASSES, 0)] * 3
    (decision,) = propose_one_hot(evidence_of_rows(tmp_path, rows))
    assert decision.reason == "one-hot: one of 3 columns holds a 1 in 27 of 30 rows"


def test_a_column_that_is_named_like_a_label_is_one(tmp_path: Path) -> None:
    rows = [{"species": CLASSES[place % 3], **row} for place, row in enumerate(one_hot(["small", "medium", "large"]))]
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows, columns={"label": "species"})) == {}
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows, columns={"label": "image"})) != {}


def test_a_label_of_zeros_and_ones_is_no_class_of_its_own(tmp_path: Path) -> None:
    rows = [{"label": row % 2, "in_stock": 1 - row % 2} for row in range(20)]
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows)) == {}


def test_a_class_has_no_other_role(tmp_path: Path) -> None:
    rows = one_hot(["person", "car", "bus"])
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows, split_by="person")) == {
        "columns.label": ["person", "car", "bus"],
        "split_by": None,
    }


def minus(values: dict[str, Any]) -> dict[str, Any]:
    """A row with -1 in the place of 0."""
    return {name: value or -1 for name, value in values.items()}


def test_minus_one_in_the_place_of_zero_is_no_label(tmp_path: Path) -> None:
    *_, nulls = propose_one_hot(evidence_of_rows(tmp_path, [minus(row) for row in one_hot(CLASSES)]))
    assert nulls == Decision("data.null_values", ["-1"], "-1 in 3 of the 3 columns counts as no label: they hold no 0")


@pytest.mark.parametrize("sign", [-1, -1.0, "-1.0"])
def test_minus_one_beside_zero_may_mean_unsure(tmp_path: Path, sign: Any) -> None:
    rows = one_hot(CLASSES)
    rows[3]["dog"] = rows[7]["cat"] = sign
    label, nulls = propose_one_hot(evidence_of_rows(tmp_path, rows))
    assert label.value == CLASSES
    assert nulls.value == ["-1.0" if sign == "-1.0" else "-1"]
    assert nulls.alternatives == ["data.null_values: [], which rejects rows that hold it"]


def test_minus_one_elsewhere_says_nothing(tmp_path: Path) -> None:
    rows = [{**row, "longitude": -1} for row in one_hot(CLASSES)]
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows)) == {"columns.label": CLASSES}
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, [{"label": -1}, {"label": 1}] * 9)) == {}


@pytest.mark.parametrize(("one", "zero"), [("Y", "N"), ("t", "f"), ("x", "")])
def test_ones_and_zeros_may_be_letters(tmp_path: Path, one: str, zero: str) -> None:
    rows = [{name: one if value else zero for name, value in row.items()} for row in one_hot(CLASSES)]
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows)) == {"columns.label": CLASSES}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_one_hot_columns_are_found_wherever_they_stand(tmp_path: Path, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=3, max_size=8, unique=True))
    before = data.draw(st.integers(0, 3))
    rows = [
        {**{f"n{place}": row * (place + 1) for place in range(before)}, **values, "other": f"text {row}"}
        for row, values in enumerate(one_hot(names, 40))
    ]
    assert settings_of(propose_one_hot, evidence_of_rows(tmp_path, rows))["columns.label"] == names
