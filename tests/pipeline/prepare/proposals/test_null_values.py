"""What init takes for texts that stand for no value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.null_values import propose_null_values
from tests.pipeline.prepare.proposals.evidence import evidence_of, evidence_of_rows


def propose(folder: Path, labels: Sequence[str], texts: Sequence[str]) -> list[Decision]:
    rows = [{"description": text, "label": label} for label, text in zip(labels, texts, strict=True)]
    return propose_null_values(evidence_of_rows(folder, rows))


@pytest.mark.parametrize("null", ["\\N", "NULL", "NaN", "<NA>", " nan "])
def test_what_databases_write_for_no_value_is_no_label(tmp_path: Path, null: str) -> None:
    (decision,) = propose(tmp_path, ["cat", "dog", null], ["a thing"] * 3)
    assert decision.value == [null.strip()]
    assert decision.alternatives == [f"data.null_values: [], if '{null.strip()}' is a class"]


@pytest.mark.parametrize("label", ["NA", "None"])
def test_a_label_that_may_be_a_class_is_one_and_init_is_unsure(tmp_path: Path, label: str) -> None:
    (decision,) = propose(tmp_path, ["NO", "DE", label], ["a thing"] * 3)
    assert decision.value == []
    assert decision.alternatives == [f"data.null_values: [{label}]"]


def test_a_text_that_would_be_a_class_among_the_labels_is_none_among_texts(tmp_path: Path) -> None:
    (decision,) = propose(tmp_path, ["cat", "dog", "cat"], ["NA", "a thing", "None"])
    assert decision.value == ["NA", "None"]
    assert not decision.alternatives


def test_texts_that_only_contain_such_words_are_texts(tmp_path: Path) -> None:
    assert propose(tmp_path, ["cat", "dog"], ["NULL pointers", "my nan"]) == []


def propose_of_splits(folder: Path, splits: Sequence[str], labels: Sequence[object]) -> list[Decision]:
    rows = [{"label": label, "split": split} for label, split in zip(labels, splits, strict=True)]
    return propose_null_values(evidence_of_rows(folder, rows, columns={"split": "split", "description": None}))


@pytest.mark.parametrize("sign", [-1, -1.0, "-1", "unknown", "?"])
def test_the_only_label_of_test_that_train_lacks_stands_for_none(tmp_path: Path, sign: object) -> None:
    (decision,) = propose_of_splits(tmp_path, ["train"] * 4 + ["test"] * 2, ["1", "2", "1", "2", sign, sign])
    shown = "-1" if sign == -1 else sign
    assert decision.value == [shown]
    assert decision.reason == f"'{shown}' is the only label of test, and none of train's: it stands for no label"
    assert decision.alternatives == [f"data.null_values: [], if '{shown}' is a class"]


@pytest.mark.parametrize("labels", [["2", "2"], ["3", "4"], ["3", None], ["3", ""]])
def test_other_labels_of_test_are_classes(tmp_path: Path, labels: list[object]) -> None:
    assert propose_of_splits(tmp_path, ["train"] * 4 + ["test"] * 2, ["1", "2", "1", "2", *labels]) == []


def test_names_of_class_folders_are_classes(tmp_path: Path) -> None:
    for name in ("null", "NaN", "None"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").touch()
    assert propose_null_values(evidence_of(tmp_path)) == []
