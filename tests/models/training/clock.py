"""A clock for tests of training, which goes by steps instead of seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


class Clock(keras.callbacks.Callback):
    """A clock that goes on with each step of training, and with each evaluation.

    Args:
        step_seconds: the seconds of a step of an epoch, by the epoch.
        first: what the very first step takes in addition.
        evaluation: the seconds of an evaluation.
    """

    def __init__(self, step_seconds: Callable[[int], float], first: float = 0.0, evaluation: float = 0.0) -> None:
        super().__init__()
        self.now = 100.0
        self._step_seconds, self._first, self._evaluation = step_seconds, first, evaluation
        self._epoch = 0

    def __call__(self) -> float:
        return self.now

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.now += self._step_seconds(self._epoch) + self._first
        self._first = 0.0

    def on_test_end(self, logs: Any = None) -> None:
        self.now += self._evaluation
