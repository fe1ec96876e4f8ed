"""The configuration of TensorFlow Model Analysis."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tensorflow_model_analysis.proto import config_pb2

from diptych.components.evaluator.metrics import BLESSED, CANDIDATE, CONFUSION, COUNTS, AccumulatedMetric
from diptych.components.evaluator.options import EvaluateOptions
from diptych.components.evaluator.slices import slice_feature_key
from diptych.models.features import LABEL_ID
from diptych.models.metrics import METRICS
from diptych.models.serving.card import ModelCard
from diptych.models.serving.export import EXAMPLES_SIGNATURE, SCORES, TRANSFORM_SIGNATURE


def make_eval_config(options: EvaluateOptions, cards: Mapping[str, ModelCard]) -> config_pb2.EvalConfig:
    """The models, metrics and slices of an evaluation. It has no thresholds: TFMA measures, and does not decide.

    Args:
        cards: the card of ``CANDIDATE``, and that of ``BLESSED`` if the last blessed model is evaluated too.
    """
    slices = [config_pb2.SlicingSpec(feature_keys=[slice_feature_key(slice_)]) for slice_ in options.slices]
    metrics = [
        config_pb2.MetricConfig(class_name="ExampleCount"),
        *(_metric_config(options, cards, quantity) for quantity in (*METRICS, COUNTS, CONFUSION)),
    ]
    return config_pb2.EvalConfig(
        model_specs=[_model_spec(name) for name in cards],
        slicing_specs=[config_pb2.SlicingSpec(), *slices],
        metrics_specs=[config_pb2.MetricsSpec(model_names=list(cards), metrics=metrics)],
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


def _metric_config(options: EvaluateOptions, cards: Mapping[str, ModelCard], quantity: str) -> config_pb2.MetricConfig:
    card = cards[CANDIDATE]
    arguments = {
        "name": quantity,
        "quantity": quantity,
        "task": card.task,
        "classes": len(card.labels),
        "top_k": options.top_k,
        "thresholds": {model: of_model.thresholds for model, of_model in cards.items()},
        "at_least_one": {model: of_model.at_least_one for model, of_model in cards.items()},
    }
    # TFMA adds the braces.
    config = json.dumps(arguments)[1:-1]
    return config_pb2.MetricConfig(
        class_name=AccumulatedMetric.__name__, module=AccumulatedMetric.__module__, config=config
    )
