"""Progress reports of running steps, sent to one logger; the command line listens to it and shows them."""

from __future__ import annotations

import logging
from typing import Any

LOGGER = logging.getLogger("diptych.progress")


def report_progress(message: str, **facts: Any) -> None:
    """Logs a message such as ``epoch``, ``rows`` or ``note``, with its data as the log record's attribute ``facts``."""
    LOGGER.info(message, extra={"facts": facts})
