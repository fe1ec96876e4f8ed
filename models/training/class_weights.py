"""Weights in the loss by which rare labels count more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diptych.models.labels import Task

if TYPE_CHECKING:
    import tensorflow as tf

# The power of a label's frequency by which its weight falls.
_POWERS = {"auto": 0.0, "none": 0.0, "sqrt": 0.5, "balanced": 1.0}


def class_weights(labels: Sequence[str], names: Sequence[str], kind: str) -> dict[int, float]:
    """The weight of each label for multiclass training, with mean 1 over the examples.

    ``balanced`` is scikit-learn's ``n / (classes * count)``; ``sqrt`` is its square root, scaled to mean 1; ``none``
    and ``auto`` are 1.

    Args:
        labels: the label of each training example.
        names: label names in the order of their ids.
        kind: ``auto``, ``none``, ``sqrt`` or ``balanced``.

    Returns:
        ``label_id`` to weight, for the labels that occur.
    """
    counts = Counter(labels)
    weights = {index: counts[name] ** -_POWERS[kind] for index, name in enumerate(names) if counts[name]}
    mean = sum(weights[index] * counts[names[index]] for index in weights) / len(labels)
    return {index: weight / mean for index, weight in weights.items()}


def positive_weights(labels: Iterable[Sequence[str]], names: Sequence[str], kind: str) -> list[float]:
    """The weight of each label's presence for multilabel training, relative to its absence, which weighs 1.

    ``balanced`` is the number of examples without the label divided by the number with it, so that both sides have the
    same total weight, as in PyTorch's ``pos_weight``; ``sqrt`` is its square root; ``none`` and ``auto`` are 1. A label
    that no example has, or every example, weighs 1.

    Args:
        labels: the labels of each training example.
        names: label names in the order of their ids.
        kind: ``auto``, ``none``, ``sqrt`` or ``balanced``.

    Returns:
        The weights in the order of the ids.
    """
    rows = [set(row) for row in labels]
    counts = Counter(label for row in rows for label in row)
    present = (counts[name] for name in names)
    return [((len(rows) - n) / n) ** _POWERS[kind] if 0 < n < len(rows) else 1.0 for n in present]


def row_weights(
    labels: Sequence[Sequence[str]], names: Sequence[str], kind: str, task: Task
) -> NDArray[np.float32] | None:
    """The weight of each example, float32 ``[n, 1]``, or for multilabel that of each of its labels ``[n, classes]``.

    Args:
        labels: the labels of each training example.
        names: label names in the order of their ids.
        kind: ``auto``, ``none``, ``sqrt`` or ``balanced``.
        task: whether an example has one label, or any number of them.

    Returns:
        None where all weights are 1.
    """
    if not _POWERS[kind]:
        return None
    index = {name: place for place, name in enumerate(names)}
    if task == "multiclass":
        by_id = class_weights([row[0] for row in labels], names, kind)
        return np.array([[by_id[index[row[0]]]] for row in labels], np.float32)
    weights, positive = np.ones((len(labels), len(names)), np.float32), positive_weights(labels, names, kind)
    for place, row in enumerate(labels):
        for name in row:
            weights[place, index[name]] = positive[index[name]]
    return weights


def build_sample_weight_fn(
    labels: Sequence[Sequence[str]], names: Sequence[str], kind: str, task: Task
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Builds the function from the labels of a batch to their weights in the loss.

    The function takes labels as the loss does: class ids ``[b]``, or float ``[b, classes]``. It returns float32: for
    multiclass the weight of each example ``[b]``, where mixed labels have their weights mixed likewise; for multilabel
    the weight of each label of each example ``[b, classes]``.

    Args:
        labels: the labels of each training example.
        names: label names in the order of their ids.
        kind: ``auto``, ``none``, ``sqrt`` or ``balanced``.
        task: whether an example has one label, or any number of them.
    """
    import tensorflow as tf

    if task == "multilabel":
        positive = tf.constant(positive_weights(labels, names, kind), tf.float32)
        return lambda truth: 1.0 + truth * (positive - 1.0)
    by_id = class_weights([row[0] for row in labels], names, kind)
    weights = tf.constant([by_id.get(index, 1.0) for index in range(len(names))], tf.float32)
    return lambda truth: tf.linalg.matvec(truth, weights) if truth.dtype.is_floating else tf.gather(weights, truth)
