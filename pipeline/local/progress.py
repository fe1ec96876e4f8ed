"""Follows the progress of a run by its log records.

TFX's ``LocalDagRunner`` has no callbacks, but logs when a component starts, when its cached result is used, and when it
ends. Diptych's own steps report on ``diptych.models.progress``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diptych.models.counts import pluralize
from diptych.models.machine_memory import peak_memory, release_memory, restart_peak_memory
from diptych.models.progress import LOGGER, describe_duration
from diptych.models.step_usage import ENDED, StepUsage
from diptych.pipeline.local.time_left import Plan
from diptych.pipeline.local.view import ProgressView

# Messages of TFX's launcher, before their arguments are filled in.
_STARTED = "Component %s is running."
_CACHED = "A cached execution %d is used."
_FINISHED = "Component %s is finished."


class ProgressHandler(logging.Handler):
    """Times the components of one run and passes its progress to a view.

    Attributes:
        view: where it is shown.
        plan: the components that are to run; empty until it is known.
        current: the component that is running; None between components.
        seconds: how long each component took, of those that ended.
        memory: the most that this process held in memory while each of these worked, in bytes, where it is known.
        cached: components whose earlier result was used.
        damaged: sentences about what was found damaged, and is not used.
    """

    def __init__(self, view: ProgressView) -> None:
        super().__init__(logging.INFO)
        self.plan = Plan()
        self.current: str | None = None
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, int] = {}
        self.cached: list[str] = []
        self.damaged: list[str] = []
        self.view = view
        self._started = 0.0
        self._rows = self._rows_of_run = 0
        self._metrics = self._result = ""
        # When the component at work is expected to end, if it has said so.
        self._end: float | None = None
        ENDED.clear()
        view.follow(self.describe_run)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == LOGGER.name:
            self._show_progress(record.getMessage(), getattr(record, "details", {}))
        elif record.msg == _STARTED and isinstance(record.args, tuple):
            self._start(str(record.args[0]))
        elif record.msg == _CACHED and self.current:
            self.cached.append(self.current)
        elif record.msg == _FINISHED and self.current:
            self._finish(self.current)

    def report_damage(self, sentence: str) -> None:
        """Shows and keeps a sentence about something that is damaged: of the component that is to run, if any is."""
        self.damaged.append(f"{self.current}: {sentence}" if self.current else sentence)
        self.view.note(self.current or "Metadata", sentence)

    def describe_run(self) -> str:
        """Which step of the run is at work, and about how long the run still takes, as far as that is known."""
        current, steps = self.current, self.plan.steps
        if current is None or current not in steps:
            return ""
        place = f"step {steps.index(current) + 1} of {len(steps)}"
        left = self._seconds_left(current)
        return f"{place}, about {_describe_estimate(left)} left" if left else place

    def _seconds_left(self, current: str) -> float | None:
        now, rows = time.monotonic(), self._rows_of_run
        done = {step: seconds for step, seconds in list(self.seconds.items()) if step not in self.cached}
        pace = self.plan.pace(done, rows)
        if pace is None or current in self.cached:
            return None
        expected = self._started + pace * self.plan.expected_seconds(current, rows)
        own = max((self._end or expected) - now, 0.0)
        return own + pace * self.plan.seconds_after(current, rows)

    def _start(self, component: str) -> None:
        # Else a step that needs little would hold what the one before it needed.
        release_memory()
        restart_peak_memory()
        self.current, self._started, self._rows, self._end = component, time.monotonic(), 0, None
        self._metrics = self._result = ""
        self.view.start(component)

    def _finish(self, component: str) -> None:
        seconds = time.monotonic() - self._started
        self._record(component, StepUsage(round(seconds, 2), peak_memory()))
        self._rows_of_run = self._rows_of_run or self._rows
        self.view.finish(component, None if component in self.cached else seconds, self._result)
        self.current = None

    def _record(self, component: str, usage: StepUsage) -> None:
        ENDED[component] = usage
        self.seconds[component] = usage.seconds
        if usage.memory:
            self.memory[component] = usage.memory

    def _show_progress(self, kind: str, details: dict[str, Any]) -> None:
        if self.current is None:
            return
        if kind == "note":
            self.view.note(self.current, details["text"])
        elif kind == "rows":
            self._rows += details["rows"]
            rate = self._rows / max(time.monotonic() - self._started, 1e-3)
            self._result = f"{pluralize(self._rows, 'row')}, {rate:,.0f} rows/s"
            self.view.update(self.current, self._result)
        elif kind == "features":
            self.view.update(self.current, f"features of {details['images']:,}/{details['of']:,} images")
        else:
            self._show_training(self.current, kind, details)

    def _show_training(self, component: str, kind: str, details: dict[str, Any]) -> None:
        left = details["seconds_left"]
        self._end = None if left is None else time.monotonic() + left
        epoch = f"epoch {details['epoch']}/{details['epochs']}"
        if kind == "epoch":
            self._metrics = _metrics(details)
            self._result = f"{epoch}{self._metrics}"
        share = f" {details['share']:.0%}" if kind == "steps" else ""
        part = f"{details['part']}: " if "part" in details else ""
        self.view.update(component, f"{part}{epoch}{share}{self._metrics}")


def _describe_estimate(seconds: float) -> str:
    unit = 60 if seconds > 600 else 10 if seconds > 60 else 1
    return describe_duration(unit * round(seconds / unit))


def _metrics(details: dict[str, Any]) -> str:
    """The loss and the accuracy of val, or where there is none of train, as the end of a line."""
    prefix = "val_" if "val_loss" in details else ""
    found = {name: details.get(f"{prefix}{name}") for name in ("loss", "accuracy")}
    shown = [f"{name} {value:.4f}" for name, value in found.items() if value is not None]
    return f", {prefix.replace('_', ' ')}{', '.join(shown)}" if shown else ""


@contextmanager
def follow_progress(view: ProgressView) -> Iterator[ProgressHandler]:
    """Gives a handler that gets the log records of TFX and Diptych during the block; then closes the view."""
    # TFX logs through absl, which passes records on to the root logger only unless a handler is added to its own.
    from absl import logging as absl_logging

    handler = ProgressHandler(view)
    loggers = [absl_logging.get_absl_logger(), LOGGER]
    absl_logging.set_verbosity(absl_logging.INFO)
    LOGGER.setLevel(logging.INFO)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield handler
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        view.close()
