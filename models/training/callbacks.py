"""Keras callbacks of training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import keras

from diptych.models.counts import pluralize
from diptych.models.progress import REPORT_SECONDS, describe_duration, report_progress
from diptych.models.training.options import TrainOptions
from diptych.models.training.schedule import Schedule
from diptych.models.training.time_budget import PLANNED_EPOCHS, Pace

# The patience that the schedule "plateau" derives its own from if there is no early stopping: the default of
# train.patience.
_PATIENCE = 5


class EpochTensorBoard(keras.callbacks.TensorBoard):
    """Writes TensorBoard's metrics for each epoch, and none for each step.

    Keras computes the metrics of each step even where it does not write them, which takes time.
    """

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Does nothing."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Does nothing."""


class ProgressReporter(Pace):
    """Reports how far training is: about once a second within epochs, and each epoch with its metrics.

    Pass it to ``fit`` after the ``TimeBudget``, whose plan it tells.

    Args:
        schedule: how long training lasts at most.
        clock: gives the time in seconds.
    """

    def __init__(self, schedule: Schedule, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._schedule = schedule
        self._has_told_plan = False
        self._reported = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        report_progress("steps", **self._position(epoch + 1), share=0.0)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        if self.spent - self._reported >= REPORT_SECONDS:
            self._reported = self.spent
            report_progress("steps", **self._position(math.ceil(self.done)), share=self.done % 1 or 1.0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._reported = self.spent
        if self._planned < self._schedule.epochs and not self._has_told_plan:
            self._has_told_plan = True
            fitting = f"{self._planned:.2g} of {pluralize(self._schedule.epochs, 'epoch')}"
            budget = describe_duration(self._schedule.seconds)
            report_progress("note", text=f"{fitting} fit the budget of {budget} (train.minutes)")
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        report_progress("epoch", **self._position(epoch + 1), **metrics)

    @property
    def _planned(self) -> float:
        return float(self.params.get(PLANNED_EPOCHS, self.params["epochs"]))

    def _position(self, epoch: int) -> dict[str, Any]:
        pace = self.seconds_per_epoch
        left = math.inf if pace is None else max(self._planned - self.done, 0.0) * pace
        left = min(left, max(self._schedule.seconds - self.spent, 0.0))
        seconds_left = left if math.isfinite(left) else None
        return {"epoch": epoch, "epochs": math.ceil(self._planned), "seconds_left": seconds_left}


class EMAEarlyStopping(keras.callbacks.EarlyStopping):
    """Early stopping that keeps the moving average of the weights, which is what val was evaluated with.

    Args:
        ema: the callback that swaps the weights for their average while val is evaluated, and back after it.
        options: the arguments of ``EarlyStopping``.
    """

    def __init__(self, ema: keras.callbacks.SwapEMAWeights, **options: Any) -> None:
        super().__init__(**options)
        self._ema = ema

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Does what ``EarlyStopping`` does, while the model has the averaged weights."""
        self._ema.on_test_begin()
        super().on_epoch_end(epoch, logs)
        self._ema.on_test_end()


def build_monitoring_callbacks(train: TrainOptions, has_val: bool, last: bool) -> list[keras.callbacks.Callback]:
    """The callbacks that act on the monitored metric, in the order in which ``fit`` must call them.

    Args:
        has_val: whether there are metrics of val; without them, the metric of train is monitored.
        last: whether this is the last phase of training, which alone may stop early. An earlier one ends with its best
            weights, too.
    """
    monitor = f"val_{train.monitor}" if has_val else train.monitor
    mode = "min" if train.monitor == "loss" else "max"
    ema = keras.callbacks.SwapEMAWeights() if train.ema else None
    callbacks: list[keras.callbacks.Callback] = [ema] if ema else []
    if train.schedule == "plateau":
        patience = max(1, (train.patience or _PATIENCE) // 2)
        callbacks.append(keras.callbacks.ReduceLROnPlateau(monitor, factor=0.3, patience=patience, mode=mode))
    if train.patience:
        # Whether training stops early, by its budget or after all epochs, it ends with the best weights.
        limit = train.patience if last else math.inf
        options = {"monitor": monitor, "mode": mode, "patience": limit, "restore_best_weights": True}
        callbacks.append(EMAEarlyStopping(ema, **options) if ema else keras.callbacks.EarlyStopping(**options))
    return callbacks
