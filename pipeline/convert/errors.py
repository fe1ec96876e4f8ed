"""The error of ``diptych convert``."""

from __future__ import annotations

from diptych.models.errors import DiptychError


class ConversionError(DiptychError):
    """The dataset cannot be read or converted; the message names the file and the remedy."""
