"""When init says that rows have several labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.several_labels import propose_several_labels
from tests.pipeline.prepare.proposals.evidence import evidence_of_rows

SETS = [["cat"], ["cat", "dog"], ["bird", "cat"], ["dog"], ["bird", "dog"]]


def proposed(folder: Path, labels: Sequence[Any], column: str = "label") -> list[Decision]:
    rows = [{column: label} for label in labels]
    return propose_several_labels(evidence_of_rows(folder, rows, columns={"label": column}))


@pytest.mark.parametrize("write", [json.dumps, str, lambda labels: str(np.array(labels)), lambda labels: labels])
def test_lists_are_several_labels(tmp_path: Path, write: Any) -> None:
    label, decision = proposed(tmp_path, [write(labels) for labels in SETS])
    assert label == Decision("data.columns.label", "label", "the classes to learn; 3 different ones")
    assert (decision.key, decision.value, decision.alternatives) == ("data.several_labels", True, ())
    assert decision.reason.startswith("several labels in 3 of 5 rows")


def test_the_text_of_a_list_is_shown(tmp_path: Path) -> None:
    *_, decision = proposed(tmp_path, [str(labels) for labels in SETS])
    assert decision.reason == "several labels in 3 of 5 rows; 'label' holds lists, such as ['cat']"


def test_lists_of_one_label_each_are_one_label(tmp_path: Path) -> None:
    assert proposed(tmp_path, [["cat"], ["dog"], []]) == []
    assert proposed(tmp_path, [["cat", "cat"], ["dog", "dog"]]) == []


@pytest.mark.parametrize("separator", ["|", ";", ",", "/", "+", "&"])
def test_a_separator_is_told_by_parts_that_recur(tmp_path: Path, separator: str) -> None:
    reason = f"'{separator}' in 3 of 5 cells; each part recurs in other cells"
    assert proposed(tmp_path, [separator.join(labels) for labels in SETS]) == [
        Decision("data.columns.label", "label", "the classes to learn; 3 different ones"),
        Decision("data.label_separator", separator, reason, []),
    ]


def test_a_blank_is_a_separator_only_of_tags_and_numbers(tmp_path: Path) -> None:
    texts = [" ".join(labels) for labels in SETS]
    (doubt,) = proposed(tmp_path, texts)
    assert (doubt.key, doubt.value) == ("data.columns.label", "label")
    assert doubt.alternatives == ["data.label_separator: ' ', if it parts several labels of a row"]
    assert [decision.value for decision in proposed(tmp_path, texts, "tags")] == ["tags", " "]
    assert [decision.value for decision in proposed(tmp_path, ["16 0", "0", "16", "0 3", "3"])] == ["label", " "]


def test_a_comma_inside_of_names_is_no_separator(tmp_path: Path) -> None:
    assert proposed(tmp_path, ["dog, big", "cat, small", "bird"] * 5) == []
    assert proposed(tmp_path, ["Doe, Jane", "Roe, Richard"] * 5) == []


def test_paths_of_classes_are_kept_with_a_doubt(tmp_path: Path) -> None:
    (decision,) = proposed(tmp_path, ["pet/cat", "pet/dog", "wild/cat", "wild/dog"] * 5)
    assert decision.alternatives == ["data.label_separator: '/', if it parts several labels of a row"]
    assert proposed(tmp_path, ["N/A", "cat", "dog"] * 5) == []


@pytest.mark.parametrize("brackets", ["[]", "{}", "()"])
def test_lists_without_quotes_are_a_doubt(tmp_path: Path, brackets: str) -> None:
    (decision,) = proposed(tmp_path, [brackets[0] + ", ".join(labels) + brackets[1] for labels in SETS])
    assert decision.reason.startswith("the class to learn; all cells are in brackets, such as ")
    assert len(decision.alternatives) == 1


def test_where_it_cannot_be_told_the_text_is_kept_and_the_doubt_is_said(tmp_path: Path) -> None:
    sizes = ["dog, big", "dog, small", "cat, big", "cat, small"] * 5
    assert proposed(tmp_path, sizes) == [
        Decision(
            "data.columns.label",
            "label",
            "the class to learn; ',' in 20 of 20 cells is kept: it may belong to the names of the classes",
            ["data.label_separator: ',', if it parts several labels of a row"],
        )
    ]
    (decision,) = proposed(tmp_path, ["dog, big", "dog", "cat", "cat, dog", "big dog"])
    assert decision.reason.endswith("is kept: 'big' stands in no other cell")


def test_a_few_parts_that_do_not_recur_leave_a_doubt(tmp_path: Path) -> None:
    *_, decision = proposed(tmp_path, [*["|".join(labels) for labels in SETS], "fish|cat", "bird"])
    assert (decision.value, decision.reason) == ("|", "'|' in 4 of 7 cells; 75% of the parts recur in other cells")
