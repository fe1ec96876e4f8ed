"""Optimizers and how their learning rate goes."""

from __future__ import annotations

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
# Plain gradient descent hardly moves a network of several layers.
_OWN: dict[str, dict[str, Any]] = {"sgd": {"momentum": 0.9, "nesterov": True}}


def build_optimizer(train: TrainOptions, learning_rate: float, steps: int, warmup: int) -> keras.optimizers.Optimizer:
    """The optimizer that the options ask for.

    Weight decay is decoupled from the gradient (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019),
    whatever the optimizer, so Adam with it is AdamW; biases and the scales of normalisation are left alone.

    Args:
        learning_rate: the greatest; it falls from there, to 0 after ``steps`` where the schedule is cosine or linear.
        steps: how many there will be.
        warmup: how many of them the learning rate rises in.
    """
    rate: Any = learning_rate
    if warmup or train.schedule in ("cosine", "linear"):
        rate = Schedule(train.schedule, learning_rate, steps, warmup)
    decay = {} if train.weight_decay is None else {"weight_decay": train.weight_decay}
    return _OPTIMIZERS[train.optimizer](
        rate,
        global_clipnorm=train.clip_norm,
        use_ema=train.ema is not None,
        ema_momentum=train.ema or 0.0,
        **decay,
        **_OWN.get(train.optimizer, {}),
    )


def leave_undecayed(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> None:
    """Keeps weight decay from vectors: biases, and scales and offsets of normalisation. Call it before ``build``."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if inner.weight_decay:
        inner.exclude_from_weight_decay([weight for weight in model.trainable_variables if len(weight.shape) < 2])


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises from 0 to the peak in ``warmup`` steps, then stays there, or falls to 0 at ``steps``.

    ``cosine`` is half a wave (Loshchilov & Hutter, "SGDR", 2017, equation 5, of one cycle); ``linear`` a straight line.
    """

    def __init__(self, kind: str, peak: float, steps: int, warmup: int) -> None:
        super().__init__()
        self._kind = kind
        self._peak = peak
        self._steps = steps
        self._warmup = warmup

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, the first being 0: float32, a scalar."""
        step = ops.cast(step, "float32")
        rising = (step + 1.0) / (self._warmup + 1.0)
        gone = ops.clip((step - self._warmup) / max(self._steps - self._warmup, 1), 0.0, 1.0)
        if self._kind == "cosine":
            falling = 0.5 * (1.0 + ops.cos(gone * 3.14159265358979))
        elif self._kind == "linear":
            falling = 1.0 - gone
        else:
            falling = ops.ones_like(step)
        return self._peak * ops.where(step < self._warmup, rising, falling)

    def get_config(self) -> dict[str, Any]:
        return {"kind": self._kind, "peak": self._peak, "steps": self._steps, "warmup": self._warmup}
