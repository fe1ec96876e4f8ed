"""What a running part tells the person who waits: facts on one logger, shown by whoever listens."""

from __future__ import annotations

import logging
from typing import Any

LOGGER = logging.getLogger("diptych.progress")


def report(message: str, **facts: Any) -> None:
    """Logs a message with its facts as the record's ``facts`` attribute."""
    LOGGER.info(message, extra={"facts": facts})
