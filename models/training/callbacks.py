"""Keras callbacks of training."""

from __future__ import annotations

from typing import Any

import keras

from diptych.models.progress import report_progress
from diptych.models.training.options import TrainOptions

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


class ProgressReporter(keras.callbacks.Callback):
    """Reports each epoch with its metrics."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        report_progress("epoch", epoch=epoch + 1, epochs=self.params["epochs"], **metrics)


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
        last: whether this is the last phase of training, which alone may stop early.
    """
    monitor = f"val_{train.monitor}" if has_val else train.monitor
    mode = "min" if train.monitor == "loss" else "max"
    ema = keras.callbacks.SwapEMAWeights() if train.ema else None
    callbacks: list[keras.callbacks.Callback] = [ema] if ema else []
    if train.schedule == "plateau":
        patience = max(1, (train.patience or _PATIENCE) // 2)
        callbacks.append(keras.callbacks.ReduceLROnPlateau(monitor, factor=0.3, patience=patience, mode=mode))
    if train.patience and last:
        options = {"monitor": monitor, "mode": mode, "patience": train.patience, "restore_best_weights": True}
        callbacks.append(EMAEarlyStopping(ema, **options) if ema else keras.callbacks.EarlyStopping(**options))
    return callbacks
