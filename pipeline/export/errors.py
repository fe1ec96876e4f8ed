"""The error of the exports."""

from __future__ import annotations

from diptych.models.errors import DiptychError


class ExportError(DiptychError):
    """The dataset, the encoders or the model cannot be exported; the message says why and what to do."""
