"""Accuracy and macro-F1 for TensorFlow Model Analysis.

TFMA's own ``F1Score`` with ``macro_average`` binarises each class at a threshold of 0.5: an example whose best score is
below it has no prediction, so the figure is not that of the model's answers. Here the answer is the class with the best
score, taken from TFMA's multi-class confusion matrix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics.multi_class_confusion_matrix_metrics import multi_class_confusion_matrices

# Below any probability: the best class always counts as the answer.
_THRESHOLD = -1.0


def macro_f1(matrix: Mapping[tuple[int, int], float]) -> float:
    """Mean of the classes' F1 = 2 TP / (2 TP + FP + FN), over classes that occur as actual or predicted.

    Equal to ``sklearn.metrics.f1_score(average="macro")``.

    Args:
        matrix: (actual class, predicted class) to weight.
    """
    actual: Counter[int] = Counter()
    predicted: Counter[int] = Counter()
    for (is_class, said_class), weight in matrix.items():
        actual[is_class] += weight  # type: ignore[assignment]
        predicted[said_class] += weight  # type: ignore[assignment]
    classes = set(actual) | set(predicted)
    if not classes:
        return float("nan")
    return sum(2 * matrix.get((c, c), 0.0) / (actual[c] + predicted[c]) for c in classes) / len(classes)


def accuracy(matrix: Mapping[tuple[int, int], float]) -> float:
    """Share of the examples whose predicted class is the actual one; ``matrix`` as in ``macro_f1``."""
    total = sum(matrix.values())
    right = sum(weight for (is_class, said_class), weight in matrix.items() if is_class == said_class)
    return right / total if total else float("nan")


def _computations(
    figure: Callable[[Mapping[tuple[int, int], float]], float],
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
    **_: Any,
) -> metric_types.MetricComputations:
    """The confusion matrix, which TFMA computes once for all who ask for it, and a figure of it."""
    key = metric_types.MetricKey(
        name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
    )
    matrices = multi_class_confusion_matrices(
        thresholds=[_THRESHOLD],
        # The default name belongs to matrices of other thresholds.
        name="_best_class_matrices",
        eval_config=eval_config,
        model_name=model_name,
        output_name=output_name,
        example_weighted=example_weighted,
    )
    matrices_key = matrices[-1].keys[-1]

    def result(metrics: Mapping[Any, Any]) -> dict[Any, float]:
        return {key: figure(metrics[matrices_key][_THRESHOLD])}

    return [*matrices, metric_types.DerivedMetricComputation(keys=[key], result=result)]


class Accuracy(metric_types.Metric):
    """Accuracy of the best-scored class. Keras's metric gives the same and is compiled anew for each slice."""

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(metric_util.merge_per_key_computations(partial(_computations, accuracy)), name=name)


class MacroF1(metric_types.Metric):
    """Macro-F1 of the best-scored class."""

    def __init__(self, name: str = "macro_f1") -> None:
        super().__init__(metric_util.merge_per_key_computations(partial(_computations, macro_f1)), name=name)


metric_types.register_metric(Accuracy)
metric_types.register_metric(MacroF1)
