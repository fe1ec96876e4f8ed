"""TFMA's configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tensorflow_model_analysis.proto import config_pb2

from diptych.components.evaluator.criteria import TOLERANCE, Criterion
from diptych.components.evaluator.metrics import CONFUSION, COUNTS
from diptych.components.evaluator.options import EvaluateOptions
from diptych.components.evaluator.slices import feature_key
from diptych.models.features import LABEL_ID
from diptych.models.metrics import LOWER_IS_BETTER, METRICS
from diptych.models.serving.card import ModelCard
from diptych.models.serving.export import EXAMPLES_SIGNATURE, SCORES, TRANSFORM_SIGNATURE

CANDIDATE = "candidate"
BLESSED = "blessed"


def eval_config(
    options: EvaluateOptions, card: ModelCard, asked: Sequence[Criterion], compared: bool
) -> config_pb2.EvalConfig:
    """The models, metrics, slices and thresholds of one evaluation.

    Thresholds that hold for slices are those of metrics of their own, which small slices meet whatever their answers:
    TFMA knows no other way to leave them out of the decision and show them all the same.

    Args:
        card: of the candidate.
    """
    names = [CANDIDATE, BLESSED] if compared else [CANDIDATE]
    whole = config_pb2.SlicingSpec()
    slices = [config_pb2.SlicingSpec(feature_keys=[feature_key(one)]) for one in options.slices]
    metrics = [
        config_pb2.MetricConfig(class_name="ExampleCount"),
        *(_metric(options, card, figure, figure) for figure in (*METRICS, COUNTS, CONFUSION)),
    ]
    for metric in METRICS:
        of_metric = [one for one in asked if one.metric == metric]
        if of_whole := [one for one in of_metric if not one.slices]:
            config = metrics[1 + METRICS.index(metric)]
            config.per_slice_thresholds.add(slicing_specs=[whole], threshold=_threshold(metric, of_whole))
        if of_slices := [one for one in of_metric if one.slices]:
            metrics.append(_metric(options, card, f"slice_{metric}", metric, options.min_slice_examples))
            metrics[-1].per_slice_thresholds.add(slicing_specs=slices, threshold=_threshold(metric, of_slices))
    return config_pb2.EvalConfig(
        model_specs=[_model_spec(name) for name in names],
        slicing_specs=[whole, *slices],
        metrics_specs=[config_pb2.MetricsSpec(model_names=names, metrics=metrics)],
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


def _metric(
    options: EvaluateOptions, card: ModelCard, name: str, figure: str, min_examples: int = 0
) -> config_pb2.MetricConfig:
    values = {"name": name, "figure": figure, "task": card.task, "classes": len(card.labels), "top_k": options.top_k}
    # TFMA takes what stands between the braces.
    config = json.dumps({**values, "min_examples": min_examples})[1:-1]
    return config_pb2.MetricConfig(
        class_name="AccumulatedMetric", module="diptych.components.evaluator.metrics", config=config
    )


def _threshold(metric: str, asked: Sequence[Criterion]) -> config_pb2.MetricThreshold:
    """The hardest of the criteria of each sort."""
    threshold = config_pb2.MetricThreshold()
    absolute = [one.bound for one in asked if not one.relative]
    relative = [one.bound for one in asked if one.relative]
    if absolute and metric in LOWER_IS_BETTER:
        threshold.value_threshold.upper_bound.value = min(absolute) + TOLERANCE
    elif absolute:
        threshold.value_threshold.lower_bound.value = max(absolute) - TOLERANCE
    if relative and metric in LOWER_IS_BETTER:
        threshold.change_threshold.direction = config_pb2.MetricDirection.LOWER_IS_BETTER
        threshold.change_threshold.absolute.value = TOLERANCE - max(relative)
    elif relative:
        threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.absolute.value = max(relative) - TOLERANCE
    return threshold
