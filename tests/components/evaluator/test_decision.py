"""A model is blessed for reasons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diptych.components.evaluator.criteria import GainCriterion, SliceCriterion, ThresholdCriterion
from diptych.components.evaluator.decision import Evidence, OtherModel, decide, find_few_rows, gather_evidence
from diptych.models.labels import Task
from diptych.models.statistics.row_predictions import RowPredictions, predictions_by_name
from tests.models.statistics.predictions import of_one_label

BASELINE = "linear both baseline"


def make_predictions(rows: int, accuracy: float, seed: int = 0) -> RowPredictions:
    actual = np.arange(rows) % 4
    right = np.random.default_rng(seed).permutation(rows) < accuracy * rows
    return of_one_label(actual, np.where(right, actual, (actual + 1) % 4), 4)


def make_evidence(
    predictions: RowPredictions,
    task: Task = "multiclass",
    slices: dict[str, dict[str, float]] | None = None,
    baseline: RowPredictions | None = None,
) -> Evidence:
    figures = {name: float(value) for name, (value,) in predictions.metrics().items()}
    whole = {"": {**figures, "examples": len(predictions.ids)}}
    others = {BASELINE: OtherModel({"accuracy": 0.5, "macro_f1": 0.5}, baseline)} if baseline else {}
    return gather_evidence(task, {**whole, **(slices or {})}, predictions, others, 0.95)


def test_all_reasons_of_a_blessing_are_given_and_the_failed_ones_of_a_refusal() -> None:
    evidence = make_evidence(make_predictions(200, 0.95))
    asked = [ThresholdCriterion("accuracy", 0.9, "one"), ThresholdCriterion("macro_f1", 0.5, "two")]
    decision = decide(evidence, asked)
    assert decision["blessed"]
    assert len(decision["reasons"]) == 2
    assert decision["metrics"]["examples"] == 200
    decision = decide(evidence, [*asked, ThresholdCriterion("micro_f1", 0.99, "three")])
    assert not decision["blessed"]
    assert decision["reasons"] == ["micro_f1 0.9500, the figure itself, is below 0.9900 (three)"]
    assert decide(evidence, [])["reasons"] == ["no criterion is set in evaluate"]


def test_a_baseline_is_compared_with_row_by_row() -> None:
    network, baseline = make_predictions(200, 0.8), make_predictions(200, 0.81, seed=1)
    asked = [
        GainCriterion("accuracy", 0.0, BASELINE, "ours", 0.95),
        GainCriterion("macro_f1", 0.0, BASELINE, "ours", 0.95),
    ]
    decision = decide(make_evidence(network, baseline=baseline), asked)
    assert decision["blessed"]
    assert all("misses +0 within chance" in reason for reason in decision["reasons"])
    compared = decision["comparisons"][BASELINE]
    assert compared["metrics"]["accuracy"] == pytest.approx(0.81)
    assert compared["differences"]["accuracy"] == pytest.approx(-0.01)
    low, high = compared["difference_intervals"]["accuracy"]
    assert low < -0.01 < high
    assert compared["intervals"].keys() == {"accuracy", "macro_f1", "micro_f1"}
    refused = decide(make_evidence(make_predictions(200, 0.6), baseline=baseline), asked)
    assert not refused["blessed"]
    assert all("misses +0 beyond chance" in reason for reason in refused["reasons"])


def test_rows_of_another_split_are_not_compared() -> None:
    network = make_predictions(50, 0.9)
    others = predictions_by_name(["other"] * 50, [["0"]] * 50, [["0"]] * 50)
    decision = decide(make_evidence(network, baseline=others), [GainCriterion("accuracy", 0.0, BASELINE, "ours", 0.95)])
    assert "0.9000 against 0.5000" in decision["reasons"][0]
    assert "rows of one are unknown" in decision["reasons"][0]


def test_a_gain_in_what_the_baseline_lacks_is_not_met() -> None:
    network = make_predictions(50, 0.9)
    asked = GainCriterion("mean_average_precision", 0.0, BASELINE, "ours", 0.95)
    evidence = make_evidence(network, baseline=make_predictions(50, 0.8))
    slices = {"": {**evidence.slices[""], "mean_average_precision": 0.9}}
    decision = decide(replace(evidence, slices=slices), [asked])
    assert decision["reasons"] == [f"the {BASELINE} has no mean_average_precision to compare with (ours)"]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_model_that_predicts_the_same_for_every_row_is_never_blessed(task: Task) -> None:
    ids, actual = [str(row) for row in range(30)], [["a"], ["b"], ["a"]] * 10
    same = ["a"] if task == "multiclass" else []
    decision = decide(make_evidence(predictions_by_name(ids, actual, [same] * 30), task), [])
    assert not decision["blessed"]
    named = "'a'" if same else "no label"
    assert decision["reasons"] == [f"it predicts {named} for each of the 30 rows of test, whatever is in it"]
    all_alike = predictions_by_name(ids, [["a"]] * 30, [["a"]] * 30)
    assert decide(make_evidence(all_alike, task), [])["blessed"]


def slice_criterion(feature: str) -> SliceCriterion:
    return SliceCriterion(ThresholdCriterion("accuracy", 0.5, "ours"), (feature,), 10)


def test_a_threshold_on_slices_ignores_small_ones() -> None:
    slices = {"label=good": {"accuracy": 0.9, "examples": 10.0}, "label=rare": {"accuracy": 0.0, "examples": 9.0}}
    decision = decide(make_evidence(make_predictions(40, 0.9), slices=slices), [slice_criterion("label")])
    assert decision["blessed"]
    assert decision["reasons"] == ["accuracy meets 0.5000 on the 1 slice of at least 10 examples (ours)"]
    slices["label=bad"] = {"accuracy": 0.4, "examples": 12.0}
    decision = decide(make_evidence(make_predictions(40, 0.9), slices=slices), [slice_criterion("label")])
    assert not decision["blessed"]
    (reason,) = decision["reasons"]
    assert reason == "label=bad, 12 examples: accuracy 0.4000, the figure itself, is below 0.5000 (ours)"


def test_a_threshold_on_slices_that_do_not_exist_is_not_met() -> None:
    decision = decide(make_evidence(make_predictions(40, 0.9)), [slice_criterion("group")])
    assert decision["reasons"] == ["no example of the test split has 'group' (ours)"]


def test_it_is_said_what_few_rows_can_tell() -> None:
    few = make_predictions(60, 0.9)
    assert find_few_rows(make_evidence(few)) == "test has 60 rows: accuracy may be anything from 0.80 to 0.95"
    text = find_few_rows(make_evidence(few, baseline=make_predictions(60, 0.8, seed=1)))
    assert text is not None
    assert text.endswith("over the linear both baseline cannot be told from chance")
    assert find_few_rows(make_evidence(make_predictions(2000, 0.9))) is None
