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
from diptych.models.progress import LOGGER, describe_duration
from diptych.pipeline.local.view import ProgressView

# Messages of TFX's launcher, before their arguments are filled in.
_STARTED = "Component %s is running."
_CACHED = "A cached execution %d is used."
_FINISHED = "Component %s is finished."


class ProgressHandler(logging.Handler):
    """Times the components of one run and passes its progress to a view.

    Attributes:
        view: where it is shown.
        current: the component that is running; None between components.
        seconds: how long each component took, of those that ended.
        cached: components whose earlier result was used.
        damaged: sentences about what was found damaged, and is not used.
    """

    def __init__(self, view: ProgressView) -> None:
        super().__init__(logging.INFO)
        self.current: str | None = None
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self.damaged: list[str] = []
        self.view = view
        self._started = 0.0
        self._rows = 0
        self._metrics = ""

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

    def _start(self, component: str) -> None:
        self.current, self._started, self._rows, self._metrics = component, time.monotonic(), 0, ""
        self.view.start(component)

    def _finish(self, component: str) -> None:
        seconds = time.monotonic() - self._started
        self.seconds[component] = round(seconds, 2)
        self.view.finish(component, "cached" if component in self.cached else f"done in {seconds:.1f} s")
        self.current = None

    def _show_progress(self, kind: str, details: dict[str, Any]) -> None:
        if self.current is None:
            return
        if kind == "rows":
            self._rows += details["rows"]
            rate = self._rows / max(time.monotonic() - self._started, 1e-3)
            self.view.update(self.current, f"{pluralize(self._rows, 'row')}, {rate:,.0f} rows/s")
        elif kind == "steps":
            metrics = f"; {self._metrics}" if self._metrics else ""
            self.view.update(self.current, f"{_epoch_in_work(details)}{_time_left(details)}{metrics}")
        elif kind == "epoch":
            self._metrics = _metrics(details)
            epoch = f"epoch {details['epoch']} of at most {details['epochs']}"
            self.view.update(self.current, f"{epoch}: {self._metrics}{_time_left(details)}", always=True)
        elif kind == "note":
            self.view.note(self.current, details["text"])


def _epoch_in_work(details: dict[str, Any]) -> str:
    return f"epoch {details['epoch']}/{details['epochs']} at {details['share']:.0%}"


def _metrics(details: dict[str, Any]) -> str:
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return ", ".join(f"{name} {details[name]:.4f}" for name in names if name in details)


def _time_left(details: dict[str, Any]) -> str:
    """The end of a line: how long training takes from here, unless it stops early."""
    seconds = details.get("seconds_left")
    return f", about {describe_duration(seconds)} left" if seconds else ""


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
