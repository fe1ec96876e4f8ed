"""The configuration of TensorFlow Model Analysis."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tensorflow_model_analysis.proto import config_pb2

from diptych.components.evaluator.criteria import TOLERANCE, Criterion
from diptych.components.evaluator.metrics import CONFUSION, COUNTS, AccumulatedMetric
from diptych.components.evaluator.options import EvaluateOptions
from diptych.components.evaluator.slices import slice_feature_key
from diptych.models.features import LABEL_ID
from diptych.models.metrics import LOWER_IS_BETTER, METRICS
from diptych.models.serving.card import ModelCard
from diptych.models.serving.export import EXAMPLES_SIGNATURE, SCORES, TRANSFORM_SIGNATURE

CANDIDATE = "candidate"
BLESSED = "blessed"


def make_eval_config(
    options: EvaluateOptions, card: ModelCard, criteria: Sequence[Criterion], has_blessed: bool
) -> config_pb2.EvalConfig:
    """The models, metrics, slices and thresholds of an evaluation.

    TFMA cannot exempt small slices from a threshold and still show them. So thresholds on slices belong to metrics of
    their own, in which a small slice gets the best value.

    Args:
        card: the candidate's card.
        has_blessed: whether the last blessed model is evaluated too.
    """
    names = [CANDIDATE, BLESSED] if has_blessed else [CANDIDATE]
    whole = config_pb2.SlicingSpec()
    slices = [config_pb2.SlicingSpec(feature_keys=[slice_feature_key(slice_)]) for slice_ in options.slices]
    metrics = [
        config_pb2.MetricConfig(class_name="ExampleCount"),
        *(_metric_config(options, card, quantity, quantity) for quantity in (*METRICS, COUNTS, CONFUSION)),
    ]
    for metric in METRICS:
        of_metric = [criterion for criterion in criteria if criterion.metric == metric]
        if of_whole := [criterion for criterion in of_metric if not criterion.slices]:
            config = metrics[1 + METRICS.index(metric)]
            config.per_slice_thresholds.add(slicing_specs=[whole], threshold=_threshold(metric, of_whole))
        if of_slices := [criterion for criterion in of_metric if criterion.slices]:
            metrics.append(_metric_config(options, card, f"slice_{metric}", metric, options.min_slice_examples))
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


def _metric_config(
    options: EvaluateOptions, card: ModelCard, name: str, quantity: str, min_examples: int = 0
) -> config_pb2.MetricConfig:
    arguments = {
        "name": name,
        "quantity": quantity,
        "task": card.task,
        "classes": len(card.labels),
        "top_k": options.top_k,
        "min_examples": min_examples,
    }
    # TFMA adds the braces.
    config = json.dumps(arguments)[1:-1]
    return config_pb2.MetricConfig(
        class_name=AccumulatedMetric.__name__, module=AccumulatedMetric.__module__, config=config
    )


def _threshold(metric: str, criteria: Sequence[Criterion]) -> config_pb2.MetricThreshold:
    """The strictest of the absolute criteria and the strictest of the relative ones."""
    threshold = config_pb2.MetricThreshold()
    absolute = [criterion.bound for criterion in criteria if not criterion.relative]
    relative = [criterion.bound for criterion in criteria if criterion.relative]
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
