"""TFMA is asked to measure, and not to decide."""

from __future__ import annotations

import json

from diptych.components.evaluator.options import EvaluateOptions
from diptych.models.metrics import METRICS
from tests.components.evaluator.model_cards import make_card


def test_every_metric_is_measured_on_the_whole_split_and_on_slices() -> None:
    from diptych.components.evaluator.eval_config import make_eval_config

    config = make_eval_config(EvaluateOptions(), dict.fromkeys(("candidate", "blessed"), make_card(["a", "b"])))
    (spec,) = config.metrics_specs
    names = [json.loads("{" + metric.config + "}").get("name") for metric in spec.metrics]
    assert set(METRICS) < set(names)
    assert not any(metric.per_slice_thresholds or metric.HasField("threshold") for metric in spec.metrics)
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["label"]]
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [("candidate", False), ("blessed", True)]


def test_without_a_blessed_model_there_is_one_model() -> None:
    from diptych.components.evaluator.eval_config import make_eval_config

    config = make_eval_config(EvaluateOptions(slices=()), {"candidate": make_card(["a"])})
    assert [spec.name for spec in config.model_specs] == ["candidate"]
