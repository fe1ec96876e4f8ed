"""Turns log records into the progress of a run.

TFX's local runner offers no callback, but logs when a component starts, is answered from the cache, and ends; our own
parts report on ``diptych.models.progress``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diptych.models.progress import LOGGER
from diptych.pipeline.local.view import View

_STARTED = "Component %s is running."
_CACHED = "A cached execution %d is used."
_FINISHED = "Component %s is finished."


class Monitor(logging.Handler):
    """Follows one run.

    Attributes:
        current: the component that runs, if one does.
        seconds: component to seconds it took.
        cached: components whose earlier result was used.
    """

    def __init__(self, view: View) -> None:
        super().__init__(logging.INFO)
        self.current: str | None = None
        self.seconds: dict[str, float] = {}
        self.cached: list[str] = []
        self._view = view
        self._started = 0.0
        self._rows = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == LOGGER.name:
            self._progress(record.getMessage(), getattr(record, "facts", {}))
        elif record.msg == _STARTED and isinstance(record.args, tuple):
            self._start(str(record.args[0]))
        elif record.msg == _CACHED and self.current:
            self.cached.append(self.current)
        elif record.msg == _FINISHED and self.current:
            self._finish(self.current)

    def _start(self, component: str) -> None:
        self.current, self._started, self._rows = component, time.monotonic(), 0
        self._view.start(component)

    def _finish(self, component: str) -> None:
        seconds = time.monotonic() - self._started
        self.seconds[component] = round(seconds, 2)
        self._view.finish(component, "cached" if component in self.cached else f"done in {seconds:.1f} s")
        self.current = None

    def _progress(self, message: str, facts: dict[str, Any]) -> None:
        if self.current is None:
            return
        if message == "rows":
            self._rows += facts["rows"]
            rate = self._rows / max(time.monotonic() - self._started, 1e-3)
            self._view.detail(self.current, f"{self._rows:,} rows, {rate:,.0f} rows/s")
        elif message == "epoch":
            self._view.detail(self.current, _epoch_line(facts), milestone=True)
        elif message == "note":
            self._view.detail(self.current, facts["text"], milestone=True)


def _epoch_line(facts: dict[str, Any]) -> str:
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    figures = ", ".join(f"{name} {facts[name]:.4f}" for name in names if name in facts)
    return f"epoch {facts['epoch']} of at most {facts['epochs']}: {figures}"


@contextmanager
def monitored(view: View) -> Iterator[Monitor]:
    """A monitor that listens to TFX and to our own parts while the block runs."""
    # TFX logs through absl, which hands its records to no other handler unless it is asked to log them itself.
    from absl import logging as absl_logging

    monitor = Monitor(view)
    loggers = [absl_logging.get_absl_logger(), LOGGER]
    absl_logging.set_verbosity(absl_logging.INFO)
    LOGGER.setLevel(logging.INFO)
    for logger in loggers:
        logger.addHandler(monitor)
    try:
        yield monitor
    finally:
        for logger in loggers:
            logger.removeHandler(monitor)
        view.close()
