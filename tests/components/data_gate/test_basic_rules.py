"""Rejects and labels that cannot be learned are found."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from diptych.components.data_gate.basic_rules import check_learnable_labels, check_rejects
from diptych.components.data_gate.options import GateOptions, RejectsRule
from diptych.models.labels import LabelOptions
from tests.components.data_gate.rows import make_reject

REFUSED, COUNTS_AS_A = LabelOptions(), LabelOptions(unknown="a")


def test_no_reject_no_finding() -> None:
    assert list(check_rejects(3, [], RejectsRule())) == []


@pytest.mark.parametrize(("ratio", "stops"), [(0.0, True), (0.19, True), (0.2, False), (1.0, False)])
def test_rejects_stop_the_run_above_the_ratio(ratio: float, stops: bool) -> None:
    (finding,) = check_rejects(10, [make_reject(4), make_reject(7)], RejectsRule(max=ratio))
    assert finding.stops is stops
    assert (finding.rule, finding.measured, finding.threshold) == ("rejects", 0.2, ratio)
    assert "2 of 10 rows (20.0%) were rejected: 2 missing_file; row 4 (missing_file: no file), row 7" in finding.message
    assert ("gate.rejects.max" in finding.message) is stops


@pytest.mark.parametrize("options", [REFUSED, COUNTS_AS_A])
def test_two_labels_of_training_are_enough(options: LabelOptions) -> None:
    assert (
        check_learnable_labels({"train": {"a": ["1"], "b": ["2"]}, "val": {"a": ["3"]}, "test": {}}, (), options) == []
    )


def test_one_label_cannot_be_learned() -> None:
    (finding,) = check_learnable_labels(
        {"train": {"a": ["1", "2"]}, "val": {"a": ["3"]}, "test": {"a": ["4"]}}, (), REFUSED
    )
    assert finding.stops
    assert "one label only (a)" in finding.message


def test_a_label_that_training_lacks_is_told_with_its_rows() -> None:
    (finding,) = check_learnable_labels(
        {"train": {"a": ["1"], "b": ["2"]}, "val": {}, "test": {"z": ["8", "9"]}}, (), REFUSED
    )
    assert finding.stops
    assert (finding.rule, finding.split, finding.ids) == ("unknown_label", "test", ("8", "9"))
    assert "label 'z' is in split 'test' (rows with id 8, 9) but not in 'train'" in finding.message
    assert "label.unknown" in finding.message


@pytest.mark.parametrize(("declared", "may_move"), [((), True), (("train",), True), (("train", "test"), False)])
def test_no_setting_moves_the_rows_of_a_declared_split(declared: tuple[str, ...], may_move: bool) -> None:
    labels = {"train": {"a": ["1"], "b": ["2"]}, "val": {}, "test": {"z": ["8"]}}
    (finding,) = check_learnable_labels(labels, declared, REFUSED)
    assert ("data.seed" in finding.message) is may_move


def test_a_label_that_training_lacks_may_count_as_another() -> None:
    labels = {"train": {"a": ["1"], "b": ["2"]}, "val": {}, "test": {"z": ["8", "9"]}}
    (finding,) = check_learnable_labels(labels, (), COUNTS_AS_A)
    assert not finding.stops
    assert "rows with id 8, 9) but not in 'train': counted as 'a' (label.unknown)" in finding.message


def test_what_unknown_labels_count_as_must_be_known() -> None:
    labels = {"train": {"cat": ["1"], "dog": ["2"]}, "val": {}, "test": {}}
    (finding,) = check_learnable_labels(labels, (), LabelOptions(unknown="dgo"))
    assert finding.stops
    assert "label.unknown: 'dgo' is no label of split 'train'; did you mean 'dog'?" in finding.message


def test_a_ratio_is_a_share() -> None:
    with pytest.raises(ValidationError):
        GateOptions(rejects={"max": 1.5})


@pytest.mark.parametrize(("options", "stops"), [(REFUSED, True), (COUNTS_AS_A, False)])
def test_many_labels_that_training_lacks_are_told_together(options: LabelOptions, stops: bool) -> None:
    few = {f"{n}": [f"id-{n}"] for n in range(3)}
    many = {f"{n}.5": [f"id-{n}"] for n in range(30)}
    findings = check_learnable_labels({"train": {"a": ["x"], "b": ["y"]}, "val": few, "test": many}, (), options)
    assert [finding.split for finding in findings] == ["val"] * 3 + ["test"]
    assert {finding.stops for finding in findings} == {stops}
    assert "30 labels ('0.5', '1.5', '10.5', " in findings[-1].message
    assert len(findings[-1].ids) == 20
