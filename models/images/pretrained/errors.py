"""The error of pretrained weights."""

from __future__ import annotations

from diptych.models.errors import DiptychError


class WeightsError(DiptychError, ValueError):
    """Pretrained weights are damaged, or are those of another network; the message names the file and the remedy."""
