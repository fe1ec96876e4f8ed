"""What rare labels weigh in the loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from diptych.models.labels import Task

if TYPE_CHECKING:
    import tensorflow as tf

_POWERS = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}


def class_weights(labels: Sequence[str], names: Sequence[str], kind: str) -> dict[int, float]:
    """Weight of each ``label_id`` where an example has one label, with mean 1 over the examples.

    ``balanced`` is scikit-learn's ``n / (classes * count)``; ``sqrt`` its square root, scaled to the same mean.

    Args:
        labels: the label of each training example.
        names: label names in the order of their ids.
    """
    counted = Counter(labels)
    weights = {index: counted[name] ** -_POWERS[kind] for index, name in enumerate(names) if counted[name]}
    mean = sum(weights[index] * counted[names[index]] for index in weights) / len(labels)
    return {index: weight / mean for index, weight in weights.items()}


def positive_weights(labels: Iterable[Sequence[str]], names: Sequence[str], kind: str) -> list[float]:
    """Weight that the presence of each label has, where its absence has 1; in the order of the ids.

    ``balanced`` is absent / present examples, so that both weigh the same in all, as in PyTorch's ``pos_weight``;
    ``sqrt`` its square root. A label that no example, or each, bears weighs 1.

    Args:
        labels: the labels of each training example.
        names: label names in the order of their ids.
    """
    rows = [set(row) for row in labels]
    counted = Counter(label for row in rows for label in row)
    present = (counted[name] for name in names)
    return [((len(rows) - n) / n) ** _POWERS[kind] if 0 < n < len(rows) else 1.0 for n in present]


def build_weighting(
    labels: Sequence[Sequence[str]], names: Sequence[str], kind: str, task: Task
) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function from a batch's labels to their weights in the loss.

    Takes labels as training does: class ids ``[b]`` or float ``[b, classes]``. Gives float32: the weight of each
    example ``[b]`` for one label of several (of mixed labels, mixed likewise), else ``[b, classes]``.

    Args:
        labels: the labels of each training example.
        names: label names in the order of their ids.
    """
    import tensorflow as tf

    if task == "multilabel":
        positive = tf.constant(positive_weights(labels, names, kind), tf.float32)
        return lambda truth: 1.0 + truth * (positive - 1.0)
    found = class_weights([row[0] for row in labels], names, kind)
    weights = tf.constant([found.get(index, 1.0) for index in range(len(names))], tf.float32)
    return lambda truth: tf.linalg.matvec(truth, weights) if truth.dtype.is_floating else tf.gather(weights, truth)
