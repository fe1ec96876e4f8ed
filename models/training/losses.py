"""The losses of training.

Each returns a value for every example or every label of an example, so that examples or labels can be weighted.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from diptych.models.labels import Task
from diptych.models.training.options import TrainOptions

# Probabilities are clipped to at least this distance from 0 and 1, as in Keras's own cross-entropies.
_EPSILON = 1e-7


def build_loss(train: TrainOptions, task: Task) -> keras.losses.Loss:
    """Builds the loss for the options."""
    gamma = train.focal_gamma if train.loss == "focal" else 0.0
    loss = MulticlassLoss if task == "multiclass" else MultilabelLoss
    return loss(gamma, train.label_smoothing)


class _FocalLoss(keras.losses.Loss):
    """The parameters of both losses.

    Args:
        gamma: the focusing parameter; the greater it is, the less well-classified examples count.
        smoothing: share of the truth that is spread over all labels.
    """

    def __init__(self, gamma: float = 0.0, smoothing: float = 0.0) -> None:
        super().__init__(name="loss")
        self._gamma = gamma
        self._smoothing = smoothing


class MulticlassLoss(_FocalLoss):
    """The cross-entropy of an example with one label, ``-sum_c y_c (1 - p_c)^gamma log p_c``.

    With ``gamma`` 0 this is plain cross-entropy, otherwise the focal loss of Lin et al., "Focal Loss for Dense Object
    Detection" (2017), equation 4, summed over the classes because the truth may be soft. Smoothing replaces the truth
    ``y`` by ``y (1 - s) + s / classes`` (Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
    2016, section 7).

    Takes the truth as class ids ``[b]``, or for mixed labels as probabilities float ``[b, classes]``; and scores float
    ``[b, classes]`` that sum to 1.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each example, float32 ``[b]``."""
        scores = ops.clip(ops.cast(y_pred, "float32"), _EPSILON, 1.0 - _EPSILON)
        classes = scores.shape[-1]
        # Keras has converted the ids to floats before this call.
        truth = ops.one_hot(ops.cast(y_true, "int32"), classes) if len(y_true.shape) == 1 else y_true
        truth = ops.cast(truth, "float32") * (1.0 - self._smoothing) + self._smoothing / classes
        return -ops.sum(truth * _focus(1.0 - scores, self._gamma) * ops.log(scores), axis=-1)


class MultilabelLoss(_FocalLoss):
    """The binary cross-entropy of each label, or its focal form: ``MulticlassLoss`` with two classes for each label.

    With ``q = 1 - p`` it is ``-y q^gamma log p - (1 - y) p^gamma log q``. Smoothing replaces ``y`` by
    ``y (1 - s) + s / 2``, as Keras's ``BinaryCrossentropy`` does.

    Takes truth and scores, both float ``[b, classes]`` from 0 to 1.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each label of each example, float32 ``[b, classes]``."""
        scores = ops.clip(ops.cast(y_pred, "float32"), _EPSILON, 1.0 - _EPSILON)
        truth = ops.cast(y_true, "float32") * (1.0 - self._smoothing) + self._smoothing / 2
        present = truth * _focus(1.0 - scores, self._gamma) * ops.log(scores)
        absent = (1.0 - truth) * _focus(scores, self._gamma) * ops.log(1.0 - scores)
        return -(present + absent)


def _focus(error: Any, gamma: float) -> Any:
    """The factor ``error^gamma`` of the focal loss."""
    return ops.power(error, gamma) if gamma else 1.0
