"""Progress reports of running steps, sent to one logger; the command line listens to it and shows them."""

from __future__ import annotations

import logging
from typing import Any

LOGGER = logging.getLogger("diptych.progress")


def report_progress(kind: str, **details: Any) -> None:
    """Reports progress by a log record whose message is ``kind`` and whose attribute ``details`` has the details.

    Args:
        kind: ``rows`` (with ``rows``, how many more are done), ``epoch`` (with ``epoch``, ``epochs`` and the metrics)
            or ``note`` (with ``text``).
        details: values by name.
    """
    LOGGER.info(kind, extra={"details": details})
