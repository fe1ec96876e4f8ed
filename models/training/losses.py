"""Losses. Each gives a value for every example and label, so that weights may be given for examples or for labels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from diptych.models.labels import Task
from diptych.models.training.options import TrainOptions

# Of Keras' own cross-entropies: a probability is never nearer to 0 or 1.
_EPSILON = 1e-7


def build_loss(train: TrainOptions, task: Task) -> keras.losses.Loss:
    """The loss that the options ask for."""
    gamma = train.focal_gamma if train.loss == "focal" else 0.0
    kind = MulticlassLoss if task == "multiclass" else MultilabelLoss
    return kind(gamma, train.label_smoothing)


class _FocalLoss(keras.losses.Loss):
    """What both losses are told.

    Args:
        gamma: how far the loss turns away from what is well classified.
        smoothing: share of the truth that is spread over all labels.
    """

    def __init__(self, gamma: float = 0.0, smoothing: float = 0.0) -> None:
        super().__init__(name="loss")
        self._gamma = gamma
        self._smoothing = smoothing


class MulticlassLoss(_FocalLoss):
    """Cross-entropy of one label of several: ``-sum_c y_c (1 - p_c)^gamma log p_c``, an example at a time.

    ``gamma`` 0 is plain cross-entropy; above it, the focal loss of Lin et al., "Focal Loss for Dense Object Detection"
    (2017), equation 4, summed over the classes as truth may be soft. Smoothing makes of the truth ``y`` first
    ``y (1 - s) + s / classes`` (Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7).

    Takes class ids ``[b]``, or probabilities float ``[b, classes]`` where images were mixed, and scores float
    ``[b, classes]`` that sum to 1.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each example, float32 ``[b]``."""
        scores = ops.clip(ops.cast(y_pred, "float32"), _EPSILON, 1.0 - _EPSILON)
        classes = scores.shape[-1]
        # Keras has made floats of the ids by then.
        truth = ops.one_hot(ops.cast(y_true, "int32"), classes) if len(y_true.shape) == 1 else y_true
        truth = ops.cast(truth, "float32") * (1.0 - self._smoothing) + self._smoothing / classes
        return -ops.sum(truth * _focus(1.0 - scores, self._gamma) * ops.log(scores), axis=-1)


class MultilabelLoss(_FocalLoss):
    """Binary cross-entropy of each label on its own, or its focal form, as ``MulticlassLoss`` with two classes.

    With ``q = 1 - p``: ``-y q^gamma log p - (1 - y) p^gamma log q``; smoothing makes of ``y`` first
    ``y (1 - s) + s / 2``, as Keras' ``BinaryCrossentropy`` does.

    Takes truth float ``[b, classes]`` and scores float ``[b, classes]``, both of 0 to 1.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each label of each example, float32 ``[b, classes]``."""
        scores = ops.clip(ops.cast(y_pred, "float32"), _EPSILON, 1.0 - _EPSILON)
        truth = ops.cast(y_true, "float32") * (1.0 - self._smoothing) + self._smoothing / 2
        present = truth * _focus(1.0 - scores, self._gamma) * ops.log(scores)
        absent = (1.0 - truth) * _focus(scores, self._gamma) * ops.log(1.0 - scores)
        return -(present + absent)


def _focus(distance: Any, gamma: float) -> Any:
    return ops.power(distance, gamma) if gamma else 1.0
