"""Keras callbacks of our own."""

from __future__ import annotations

from typing import Any

import keras

from diptych.models.progress import report
from diptych.models.training.options import TrainOptions

# Of a schedule "plateau" without early stopping: as with its default.
_PATIENCE = 5


class EpochTensorBoard(keras.callbacks.TensorBoard):
    """TensorBoard's figures by epoch. Keras computes those by step even where it then drops them."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Does nothing."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Does nothing."""


class ReportProgress(keras.callbacks.Callback):
    """Reports each epoch with its losses and accuracies."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        figures = {name: float(value) for name, value in (logs or {}).items()}
        report("epoch", epoch=epoch + 1, epochs=self.params["epochs"], **figures)


class StopEarly(keras.callbacks.EarlyStopping):
    """Early stopping that keeps the weights that were judged: the moving average, where there is one.

    Args:
        averaged: what puts the average into the model while val is read, and takes it out again.
    """

    def __init__(self, monitor: str, mode: str, patience: int, averaged: keras.callbacks.SwapEMAWeights | None) -> None:
        super().__init__(monitor, mode=mode, patience=patience, restore_best_weights=True)
        self._averaged = averaged

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the weights if val is better than ever, and stops if it has not been for long."""
        if self._averaged is None:
            super().on_epoch_end(epoch, logs)
            return
        self._averaged.on_test_begin()
        super().on_epoch_end(epoch, logs)
        self._averaged.on_test_end()


def judging_callbacks(train: TrainOptions, validated: bool, last: bool) -> list[keras.callbacks.Callback]:
    """The callbacks that act on figures, in the order in which they must be called.

    Args:
        validated: whether there are figures of val; without them, those of train are judged.
        last: whether this is the last phase of training, which alone may stop early.
    """
    monitor = f"val_{train.monitor}" if validated else train.monitor
    mode = "min" if train.monitor == "loss" else "max"
    averaged = keras.callbacks.SwapEMAWeights() if train.ema else None
    found: list[keras.callbacks.Callback] = [averaged] if averaged else []
    if train.schedule == "plateau":
        patience = max(1, (train.patience or _PATIENCE) // 2)
        found.append(keras.callbacks.ReduceLROnPlateau(monitor, factor=0.3, patience=patience, mode=mode))
    if train.patience and last:
        found.append(StopEarly(monitor, mode, train.patience, averaged))
    return found
