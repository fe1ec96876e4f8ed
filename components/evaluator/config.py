"""TFMA's configuration."""

from __future__ import annotations

from collections.abc import Sequence

from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.criteria import METRICS, Criterion
from models.features import LABEL_ID
from models.serving.export import EXAMPLES_SIGNATURE, SCORES, TRANSFORM_SIGNATURE

CANDIDATE = "candidate"
BLESSED = "blessed"

_CLASSES = {
    "accuracy": {"class_name": "Accuracy", "module": "components.evaluator.metrics"},
    "macro_f1": {"class_name": "MacroF1", "module": "components.evaluator.metrics"},
}


def eval_config(slices: Sequence[str], asked: Sequence[Criterion], compared: bool) -> config_pb2.EvalConfig:
    """The models, metrics, slices and thresholds of one evaluation.

    Thresholds hold for the whole test split only: on a slice of a few rows they would mean nothing.
    """
    names = [CANDIDATE, BLESSED] if compared else [CANDIDATE]
    return config_pb2.EvalConfig(
        model_specs=[_model_spec(name) for name in names],
        slicing_specs=[config_pb2.SlicingSpec(), *(config_pb2.SlicingSpec(feature_keys=[key]) for key in slices)],
        metrics_specs=[
            config_pb2.MetricsSpec(
                model_names=names,
                metrics=[config_pb2.MetricConfig(class_name="ExampleCount"), *(_metric(m, asked) for m in METRICS)],
            )
        ],
    )


def _model_spec(name: str) -> config_pb2.ModelSpec:
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=name == BLESSED,
        signature_name=EXAMPLES_SIGNATURE,
        preprocessing_function_names=[TRANSFORM_SIGNATURE],
        prediction_key=SCORES,
        label_key=LABEL_ID,
    )


def _metric(metric: str, asked: Sequence[Criterion]) -> config_pb2.MetricConfig:
    config = config_pb2.MetricConfig(config=f'"name": "{metric}"', **_CLASSES[metric])
    absolute = [c.bound for c in asked if c.metric == metric and not c.relative]
    relative = [c.bound for c in asked if c.metric == metric and c.relative]
    threshold = config_pb2.MetricThreshold()
    if absolute:
        threshold.value_threshold.lower_bound.value = max(absolute) - 1e-6
    if relative:
        threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.absolute.value = max(relative) - 1e-6
    if absolute or relative:
        config.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()], threshold=threshold)
    return config
