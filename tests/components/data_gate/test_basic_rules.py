"""Rejects and labels that cannot be learned are found."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from diptych.components.data_gate.basic_rules import check_learnable_labels, check_rejects
from diptych.components.data_gate.options import GateOptions
from diptych.models.labels import LabelOptions
from tests.components.data_gate.rows import make_reject

REFUSED, COUNTS_AS_A = LabelOptions(), LabelOptions(unknown="a")


def test_no_reject_no_finding() -> None:
    assert check_rejects({"rows": 3, "rejects": {}}, [], GateOptions()) == []


@pytest.mark.parametrize(("ratio", "stops"), [(0.0, True), (0.19, True), (0.2, False), (1.0, False)])
def test_rejects_stop_the_run_above_the_ratio(ratio: float, stops: bool) -> None:
    account = {"rows": 10, "rejects": {"missing_file": 2}}
    (finding,) = check_rejects(account, [make_reject(4), make_reject(7)], GateOptions(rejects={"max": ratio}))
    assert finding.stops is stops
    assert (finding.rule, finding.measured, finding.threshold) == ("rejects", 0.2, ratio)
    assert "2 of 10 rows (20.0%) were rejected: 2 missing_file; row 4 (missing_file: no file), row 7" in finding.message
    assert ("gate.rejects.max" in finding.message) is stops


@pytest.mark.parametrize("options", [REFUSED, COUNTS_AS_A])
def test_two_labels_of_training_are_enough(options: LabelOptions) -> None:
    assert check_learnable_labels({"train": {"a": ["1"], "b": ["2"]}, "val": {"a": ["3"]}, "test": {}}, options) == []


def test_one_label_cannot_be_learned() -> None:
    (finding,) = check_learnable_labels(
        {"train": {"a": ["1", "2"]}, "val": {"a": ["3"]}, "test": {"a": ["4"]}}, REFUSED
    )
    assert finding.stops
    assert "one label only (a)" in finding.message


def test_a_label_that_training_lacks_is_told_with_its_rows() -> None:
    (finding,) = check_learnable_labels(
        {"train": {"a": ["1"], "b": ["2"]}, "val": {}, "test": {"z": ["8", "9"]}}, REFUSED
    )
    assert finding.stops
    assert (finding.rule, finding.split, finding.ids) == ("unknown_label", "test", ("8", "9"))
    assert "label 'z' is in split 'test' (rows with id 8, 9) but not in 'train'" in finding.message
    assert "label.unknown" in finding.message


def test_a_label_that_training_lacks_may_count_as_another() -> None:
    labels = {"train": {"a": ["1"], "b": ["2"]}, "val": {}, "test": {"z": ["8", "9"]}}
    (finding,) = check_learnable_labels(labels, COUNTS_AS_A)
    assert not finding.stops
    assert "rows with id 8, 9) but not in 'train': it counts as 'a' (label.unknown)" in finding.message


def test_what_unknown_labels_count_as_must_be_known() -> None:
    labels = {"train": {"cat": ["1"], "dog": ["2"]}, "val": {}, "test": {}}
    (finding,) = check_learnable_labels(labels, LabelOptions(unknown="dgo"))
    assert finding.stops
    assert "label.unknown: 'dgo' is no label of split 'train'; did you mean 'dog'?" in finding.message


def test_a_ratio_is_a_share() -> None:
    with pytest.raises(ValidationError):
        GateOptions(rejects={"max": 1.5})
