"""TFMA is asked for the strictest bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diptych.components.evaluator.criteria import Criterion
from diptych.components.evaluator.options import EvaluateOptions
from tests.components.evaluator.model_cards import make_card


def metrics_of(config: Any) -> dict[str, Any]:
    metrics = config.metrics_specs[0].metrics
    return {json.loads("{" + metric.config + "}").get("name"): metric for metric in metrics}


def test_eval_config_asks_for_the_hardest_bound_on_the_whole_split_only() -> None:
    from diptych.components.evaluator.eval_config import make_eval_config

    asked = [
        Criterion("accuracy", 0.7, ""),
        Criterion("accuracy", 0.9, ""),
        Criterion("macro_f1", -0.02, "", True),
        Criterion("calibration_error", 0.2, ""),
        Criterion("calibration_error", 0.1, ""),
    ]
    config = make_eval_config(EvaluateOptions(), make_card(["a", "b"]), asked, has_blessed=True)
    metrics = metrics_of(config)
    (accuracy,) = metrics["accuracy"].per_slice_thresholds
    assert accuracy.threshold.value_threshold.lower_bound.value == pytest.approx(0.9, abs=1e-5)
    assert not accuracy.threshold.HasField("change_threshold")
    (macro_f1,) = metrics["macro_f1"].per_slice_thresholds
    assert macro_f1.threshold.change_threshold.absolute.value == pytest.approx(-0.02, abs=1e-5)
    assert not macro_f1.threshold.HasField("value_threshold")
    (error,) = metrics["calibration_error"].per_slice_thresholds
    assert error.threshold.value_threshold.upper_bound.value == pytest.approx(0.1, abs=1e-5)
    assert not error.threshold.value_threshold.HasField("lower_bound")
    for thresholds in (accuracy, macro_f1, error):
        (whole,) = thresholds.slicing_specs
        assert not whole.feature_keys
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["label"]]
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [("candidate", False), ("blessed", True)]


def test_eval_config_without_a_blessed_model_knows_one_model() -> None:
    from diptych.components.evaluator.eval_config import make_eval_config

    asked = [Criterion("accuracy", 0.7, "")]
    config = make_eval_config(EvaluateOptions(slices=()), make_card(["a"]), asked, has_blessed=False)
    assert [spec.name for spec in config.model_specs] == ["candidate"]
    assert not metrics_of(config)["macro_f1"].per_slice_thresholds
