"""Keras callbacks of our own."""

from __future__ import annotations

from typing import Any

import keras

from models.progress import report


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
