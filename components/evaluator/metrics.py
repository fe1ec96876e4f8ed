"""The metrics of ``diptych.models.metrics`` for TensorFlow Model Analysis.

TFMA's own ``F1Score`` with ``macro_average`` binarises each class at a threshold of 0.5. An example whose best score is
lower then has no prediction, so it does not measure what the model predicts. Keras's metrics are compiled again for
each slice. Here one ``MetricAccumulator`` goes over the examples of a slice once, and every metric is taken from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import apache_beam as beam
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics.multi_class_confusion_matrix_metrics import Matrices, MatrixEntryKey

from diptych.models.labels import Task
from diptych.models.metrics import MetricAccumulator

#: The names of the models: the trained one, and the last blessed one.
CANDIDATE, BLESSED = "candidate", "blessed"
#: Quantities that are no single number: ``MetricAccumulator.counts`` and ``MetricAccumulator.confusion``.
COUNTS, CONFUSION = "label_counts", "confusion"

# TFMA has a confusion matrix for each threshold of the score. This one is below every score.
_THRESHOLD = -1.0


class _MetricCombineFn(beam.CombineFn):
    """Adds TFMA's inputs up in a ``MetricAccumulator``."""

    def __init__(self, key: metric_types.MetricKey, empty: MetricAccumulator, eval_config: Any) -> None:
        self._key, self._empty, self._eval_config = key, empty, eval_config

    def create_accumulator(self) -> MetricAccumulator:
        return deepcopy(self._empty)

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
    thresholds: Mapping[str, Sequence[float] | None],
    at_least_one: Mapping[str, bool],
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    **_: Any,
) -> metric_types.MetricComputations:
    """The accumulator, which TFMA computes once for all metrics that share it, and the metric taken from it."""
    key = metric_types.MetricKey(name=name, model_name=model_name, output_name=output_name)
    # TFMA keeps metrics whose names begin with an underscore to itself.
    accumulator_key = metric_types.MetricKey(name="_accumulator", model_name=model_name, output_name=output_name)
    # TFMA leaves the name out if there is one model only.
    model = model_name or CANDIDATE
    empty = MetricAccumulator(task, classes, top_k, thresholds[model], at_least_one[model])
    combiner = _MetricCombineFn(accumulator_key, empty, eval_config)

    def result(metrics: Mapping[Any, Any]) -> dict[Any, Any]:
        return {key: _value(metrics[accumulator_key], quantity)}

    return [
        metric_types.MetricComputation(keys=[accumulator_key], preprocessors=None, combiner=combiner),
        metric_types.DerivedMetricComputation(keys=[key], result=result),
    ]


def _value(accumulator: MetricAccumulator, quantity: str) -> Any:
    if quantity == COUNTS:
        return accumulator.counts
    if quantity == CONFUSION:
        return Matrices({_THRESHOLD: {MatrixEntryKey(*pair): float(n) for pair, n in accumulator.confusion.items()}})
    return accumulator.value(quantity)


class AccumulatedMetric(metric_types.Metric):
    """A metric that is taken from a ``MetricAccumulator``.

    Args:
        name: the name under which TFMA keeps it.
        quantity: one of ``diptych.models.metrics.METRICS``, ``COUNTS`` or ``CONFUSION``.
        task: the model's task.
        classes: number of labels.
        top_k: see ``MetricAccumulator``.
        thresholds: model name to its thresholds.
        at_least_one: model name to its ``at_least_one``.
    """

    def __init__(
        self,
        name: str,
        quantity: str,
        task: Task,
        classes: int,
        top_k: int,
        thresholds: Mapping[str, Sequence[float] | None],
        at_least_one: Mapping[str, bool],
    ) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            quantity=quantity,
            task=task,
            classes=classes,
            top_k=top_k,
            thresholds=thresholds,
            at_least_one=at_least_one,
            name=name,
        )


metric_types.register_metric(AccumulatedMetric)
