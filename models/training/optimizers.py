"""The optimizers of training and the schedule of their learning rate."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from diptych.models.training.options import TrainOptions

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "lion": keras.optimizers.Lion,
}
# Without momentum, gradient descent hardly trains a network of several layers.
_ARGUMENTS: dict[str, dict[str, Any]] = {"sgd": {"momentum": 0.9, "nesterov": True}}


def build_optimizer(
    train: TrainOptions, learning_rate: float, steps: int, warmup_steps: int
) -> keras.optimizers.Optimizer:
    """Builds the optimizer for the options.

    Weight decay is decoupled from the gradient (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019) for
    every optimizer, so Adam with weight decay is AdamW.

    Args:
        learning_rate: the peak of the learning rate.
        steps: number of steps that the optimizer is used for; the schedules cosine and linear fall to 0 by then.
        warmup_steps: number of steps at the start, in which the learning rate rises to its peak.
    """
    rate: Any = learning_rate
    if warmup_steps or train.schedule in ("cosine", "linear"):
        rate = WarmupSchedule(train.schedule, learning_rate, steps, warmup_steps)
    weight_decay = {} if train.weight_decay is None else {"weight_decay": train.weight_decay}
    return _OPTIMIZERS[train.optimizer](
        rate,
        global_clipnorm=train.clip_norm,
        use_ema=train.ema is not None,
        ema_momentum=train.ema or 0.0,
        **weight_decay,
        **_ARGUMENTS.get(train.optimizer, {}),
    )


def exclude_vectors_from_weight_decay(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> None:
    """Excludes biases and the scales and offsets of normalisation from weight decay. Call it before ``build``."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if inner.weight_decay:
        inner.exclude_from_weight_decay([weight for weight in model.trainable_variables if len(weight.shape) < 2])


def end_decay(optimizer: keras.optimizers.Optimizer, steps: int) -> None:
    """Makes the schedules cosine and linear fall to 0 so many steps from now; other learning rates stay as they are."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if isinstance(inner._learning_rate, WarmupSchedule):
        inner._learning_rate.end_at(int(inner.iterations.numpy()) + steps)


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly to its peak, and then falls to 0 or stays constant.

    Args:
        decay: ``cosine`` falls along half a cosine wave (Loshchilov & Hutter, "SGDR", 2017, equation 5, for one
            cycle), ``linear`` along a straight line; any other value stays at the peak.
        peak: the greatest learning rate.
        steps: the step at which ``cosine`` and ``linear`` reach 0; ``end_at`` changes it.
        warmup_steps: the step at which the peak is reached.
    """

    def __init__(self, decay: str, peak: float, steps: int, warmup_steps: int) -> None:
        super().__init__()
        self._decay = decay
        self._peak = peak
        self._steps = keras.Variable(steps, dtype="int32", trainable=False)
        self._warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, float32 ``[]``; the first step is 0."""
        step = ops.cast(step, "float32")
        rising = (step + 1.0) / (self._warmup_steps + 1.0)
        decay_steps = ops.maximum(ops.cast(self._steps, "float32") - self._warmup_steps, 1.0)
        progress = ops.clip((step - self._warmup_steps) / decay_steps, 0.0, 1.0)
        if self._decay == "cosine":
            falling = 0.5 * (1.0 + ops.cos(progress * math.pi))
        elif self._decay == "linear":
            falling = 1.0 - progress
        else:
            falling = ops.ones_like(step)
        return self._peak * ops.where(step < self._warmup_steps, rising, falling)

    def end_at(self, step: int) -> None:
        """Makes the learning rate reach 0 at another step, as if it had been on the way there from the start."""
        self._steps.assign(step)

    def get_config(self) -> dict[str, Any]:
        return {
            "decay": self._decay,
            "peak": self._peak,
            "steps": int(self._steps.numpy()),
            "warmup_steps": self._warmup_steps,
        }
