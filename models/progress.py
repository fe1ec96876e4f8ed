"""Progress reports of running steps, sent to one logger; the command line listens to it and shows them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LOGGER = logging.getLogger("diptych.progress")
#: At most one report in so many seconds says how far a step is.
REPORT_SECONDS = 1.0


def report_progress(kind: str, **details: Any) -> None:
    """Reports progress by a log record whose message is ``kind`` and whose attribute ``details`` has the details.

    Args:
        kind: one of

            - ``rows``: ``rows``, how many more are done.
            - ``steps``: how far training is, about once a second: ``epoch``, the epoch at work, counted from 1;
              ``epochs``, how many are planned; ``share``, what is done of the epoch, from 0 to 1; ``seconds_left``, an
              estimate of the time until the last planned epoch ends, or None; ``part``, if it is that of a part.
            - ``epoch``: an epoch has ended: ``epoch``, ``epochs`` and ``seconds_left`` as above, and the metrics.
            - ``features``: ``images``, of how many images the features are known; ``of``, how many there are.
            - ``note``: ``text``.
        details: values by name.
    """
    LOGGER.info(kind, extra={"details": details})


@contextmanager
def reporting_part(part: str, seconds_left: float | None) -> Iterator[None]:
    """In this context, how far training is is reported as that of a part of the step, and notes are left out.

    Args:
        part: what people call it, such as ``trial 2/9``.
        seconds_left: an estimate of the time until the whole step ends, which is reported in place of the training's.
    """
    end = None if seconds_left is None else time.monotonic() + seconds_left

    def label(record: logging.LogRecord) -> bool:
        details = getattr(record, "details", {})
        details["part"] = part
        details["seconds_left"] = None if end is None else max(end - time.monotonic(), 0.0)
        return record.getMessage() != "note"

    LOGGER.addFilter(label)
    try:
        yield
    finally:
        LOGGER.removeFilter(label)


class FeatureProgress:
    """Reports, about once a second and at the end, of how many images the features are known.

    Args:
        images: how many there are.
        clock: gives the time in seconds.
    """

    def __init__(self, images: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._images, self._clock = images, clock
        self._done, self._reported = 0, clock()

    def add(self, images: int) -> None:
        """The features of so many more images are known."""
        self._done += images
        if self._done >= self._images or self._clock() - self._reported >= REPORT_SECONDS:
            self._reported = self._clock()
            report_progress("features", images=self._done, of=self._images)


def describe_duration(seconds: float) -> str:
    """A duration as people say it: ``45 s``, ``1 min 20 s``, ``2 h 5 min``."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
