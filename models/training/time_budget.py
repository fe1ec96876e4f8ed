"""How fast training goes, and a budget of time for it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import keras

from diptych.models.training.optimizers import end_decay

#: The key in ``params``, the dictionary that the callbacks of a ``fit`` share, of the number of epochs that fit the
#: budget. It is the fraction of an epoch where not even one fits.
PLANNED_EPOCHS = "planned_epochs"

# A plan is made for this share of the budget, so that an epoch that is a little slower does not upset it.
_PLANNED_SHARE = 0.95
# What is spent of the budget before the first plan, if the first epoch has not ended by then.
_MEASURED_SHARE = 0.1


class Pace(keras.callbacks.Callback):
    """Measures how fast ``fit`` goes, over one call of it or several.

    Args:
        clock: gives the time in seconds.

    Attributes:
        done: number of epochs that are done; a fraction within an epoch, if the number of its steps is known.
        spent: seconds spent in ``fit``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.done = 0.0
        self.spent = 0.0
        self._clock = clock
        self._ticked = 0.0
        self._epochs: list[float] = []
        self._epoch = 0
        # Steps of this epoch: how many are done and when they were, since when they are timed, and how many are not.
        self._steps, self._stepped, self._timed_from, self._untimed = 0, 0.0, 0.0, 0

    @property
    def seconds_per_epoch(self) -> float | None:
        """How long an epoch with its evaluation takes, without what the first step sets up; None until that is known.

        It is the median of the epochs of this ``fit``; in its first epoch, what the steps so far let expect.
        """
        steps = self.params.get("steps")
        return median(self._epochs) if self._epochs else self._time_steps(steps) if steps else None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._ticked = self._clock()
        self._epochs = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._tick()
        self._epoch, self._steps = epoch, 0
        self.done = float(epoch)
        if not self._epochs:
            self._timed_from, self._untimed = self.spent, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._tick()
        is_first = not self._epochs and not self._steps
        self._steps, self._stepped = batch + 1, self.spent
        steps = self.params.get("steps")
        if steps:
            self.done = self._epoch + self._steps / steps
        if is_first and steps and self._steps < steps:
            # The first step traces the graph and fills buffers, which takes seconds.
            self._timed_from, self._untimed = self.spent, self._steps

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._tick()
        training = self._time_steps(self.params.get("steps") or self._steps)
        self._epochs.append((training or 0.0) + self.spent - self._stepped)
        self.done = epoch + 1.0
        self._timed_from, self._untimed = self.spent, 0

    def _tick(self) -> None:
        now = self._clock()
        self.spent += now - self._ticked
        self._ticked = now

    def _time_steps(self, steps: int) -> float | None:
        """How long so many steps take, at the pace of the timed ones of this epoch."""
        timed = self._steps - self._untimed
        return (self._stepped - self._timed_from) / timed * steps if timed else None


class TimeBudget(Pace):
    """Stops training when its time is spent, after as many whole epochs as fit, or within the first one.

    How many fit is planned by the pace: in the first epoch of a ``fit`` once a tenth of the budget is spent, and after
    each epoch. A learning rate that falls to 0 by a schedule does so by the end of the plan (training by a wall-clock
    budget as in Izsak et al., "How to Train BERT with an Academic Budget", 2021). Where all epochs fit, training is as
    without a budget. The plan is in ``params[PLANNED_EPOCHS]``, which the callbacks after this one read.

    It stops as early stopping does: val is evaluated, and ``keras.callbacks.EarlyStopping`` restores the best weights.
    One object is for all calls of ``fit`` of a training.

    Args:
        seconds: the budget, which may be infinite.
        epochs: the maximum number of epochs, over all calls of ``fit``.
        clock: gives the time in seconds.

    Attributes:
        planned: number of epochs that fit.
    """

    def __init__(self, seconds: float, epochs: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self.planned = float(epochs)
        self._seconds = seconds
        self._max_epochs = float(epochs)
        self._began = 0.0
        self._is_measured = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self._is_measured = False
        self.params[PLANNED_EPOCHS] = self.planned

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        if not self._epochs:
            self._began = self.spent
            self._follow_plan()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        measured = self.spent - self._began >= _MEASURED_SHARE * self._seconds
        if measured and not self._is_measured and self.seconds_per_epoch:
            self._plan()
        self._stop_in_time()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        # When the plan has ended, so has the learning rate, whatever time is left.
        if self.done < self.planned:
            self._plan()
        self._stop_in_time()

    def _plan(self) -> None:
        self._is_measured = True
        least, most = (self._fitting_epochs(share * self._seconds) for share in (_PLANNED_SHARE, 1.0))
        if not least <= self.planned <= most:
            self.planned = least
        self._follow_plan()

    def _fitting_epochs(self, seconds: float) -> float:
        """How many epochs fit into so many seconds, at least what is done: whole ones if possible, else whole steps."""
        if not self.seconds_per_epoch:
            return self._max_epochs
        more = max(seconds - self.spent, 0.0) / self.seconds_per_epoch
        fitting = min(self._max_epochs, self.done + more)
        if (whole := math.floor(fitting)) >= self.done:
            return whole
        steps: int = self.params["steps"]
        return max(math.floor(fitting * steps) / steps, self.done)

    def _follow_plan(self) -> None:
        self.params[PLANNED_EPOCHS] = self.planned
        steps = self.params.get("steps")
        if steps and math.isfinite(self._seconds):
            end = min(self.planned, self.params["epochs"])
            end_decay(self.model.optimizer, round((end - self.done) * steps))

    def _stop_in_time(self) -> None:
        if self.spent >= self._seconds or self.done >= self.planned:
            self.model.stop_training = True
