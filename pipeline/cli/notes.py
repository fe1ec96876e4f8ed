"""Tells what is reported while a command discards what libraries print."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from diptych.models.errors import OK
from diptych.models.progress import LOGGER
from diptych.pipeline.cli.terminal import complain


class _Notes(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "note":
            self.texts.append(getattr(record, "details", {})["text"])


@contextmanager
def told_notes() -> Iterator[None]:
    """Prints the notes that ``report_progress`` is given in the block to standard error, when the block ends."""
    notes = _Notes()
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(notes)
    try:
        yield
    finally:
        LOGGER.removeHandler(notes)
        for text in dict.fromkeys(notes.texts):
            complain(text, OK)
