"""The metrics of ``diptych.models.metrics`` for TensorFlow Model Analysis.

TFMA's own ``F1Score`` with ``macro_average`` binarises each class at a threshold of 0.5. An example whose best score is
lower then has no prediction, so it does not measure what the model predicts. Keras's metrics are compiled again for
each slice. Here one ``MetricAccumulator`` goes over the examples of a slice once, and every metric is taken from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics.multi_class_confusion_matrix_metrics import Matrices, MatrixEntryKey

from diptych.models.labels import Task
from diptych.models.metrics import LOWER_IS_BETTER, MetricAccumulator

#: Quantities that are no single number: ``MetricAccumulator.counts`` and ``MetricAccumulator.confusion``.
COUNTS, CONFUSION = "label_counts", "confusion"

# TFMA has a confusion matrix for each threshold of the score. This one is below every score.
_THRESHOLD = -1.0


class _MetricCombineFn(beam.CombineFn):
    """Adds TFMA's inputs up in a ``MetricAccumulator``."""

    def __init__(self, key: metric_types.MetricKey, empty: MetricAccumulator, eval_config: Any) -> None:
        self._key, self._empty, self._eval_config = key, empty, eval_config

    def create_accumulator(self) -> MetricAccumulator:
        return MetricAccumulator(self._empty.task, self._empty.classes, self._empty.top_k)

    def add_input(
        self, accumulator: MetricAccumulator, element: metric_types.StandardMetricInputs
    ) -> MetricAccumulator:
        label, scores, _ = next(
            metric_util.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=self._key.model_name,
                output_name=self._key.output_name,
                flatten=False,
            )
        )
        labels = label.reshape(1, -1) if accumulator.task == "multilabel" else label.reshape(1)
        return accumulator.add(labels, scores.reshape(1, -1))

    def merge_accumulators(self, accumulators: Iterable[MetricAccumulator]) -> MetricAccumulator:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def extract_output(self, accumulator: MetricAccumulator) -> dict[metric_types.MetricKey, MetricAccumulator]:
        return {self._key: accumulator}


def _computations(
    name: str,
    quantity: str,
    task: Task,
    classes: int,
    top_k: int,
    min_examples: int = 0,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    **_: Any,
) -> metric_types.MetricComputations:
    """The accumulator, which TFMA computes once for all metrics that share it, and the metric taken from it."""
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
    # TFMA keeps metrics whose names begin with an underscore to itself.
    accumulator_key = metric_types.MetricKey(name="_accumulator", model_name=model_name, output_name=output_name)
    combiner = _MetricCombineFn(accumulator_key, MetricAccumulator(task, classes, top_k), eval_config)

    def result(metrics: Mapping[Any, Any]) -> dict[Any, Any]:
        return {key: _value(metrics[accumulator_key], quantity, min_examples)}

    return [
        metric_types.MetricComputation(keys=[accumulator_key], preprocessors=None, combiner=combiner),
        metric_types.DerivedMetricComputation(keys=[key], result=result),
    ]


def _value(accumulator: MetricAccumulator, quantity: str, min_examples: int) -> Any:
    if quantity == COUNTS:
        return accumulator.counts
    if quantity == CONFUSION:
        return Matrices({_THRESHOLD: {MatrixEntryKey(*pair): float(n) for pair, n in accumulator.confusion.items()}})
    if accumulator.examples < min_examples:
        return float(quantity not in LOWER_IS_BETTER)
    return accumulator.result()[quantity]


class AccumulatedMetric(metric_types.Metric):
    """A metric that is taken from a ``MetricAccumulator``.

    Args:
        name: the name under which TFMA keeps it.
        quantity: one of ``diptych.models.metrics.METRICS``, ``COUNTS`` or ``CONFUSION``.
        task: the model's task.
        classes: number of labels.
        top_k: see ``MetricAccumulator``.
        min_examples: a slice of fewer examples gets the best possible value, which meets any threshold.
    """

    def __init__(self, name: str, quantity: str, task: Task, classes: int, top_k: int, min_examples: int = 0) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            quantity=quantity,
            task=task,
            classes=classes,
            top_k=top_k,
            min_examples=min_examples,
            name=name,
        )


metric_types.register_metric(AccumulatedMetric)
