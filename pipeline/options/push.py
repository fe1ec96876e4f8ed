"""Where blessed models go."""

from __future__ import annotations

from pydantic import Field

from diptych.models.options import Options


class PushOptions(Options):
    """Where blessed models go."""

    directory: str | None = Field(
        None, description="Gets one folder per pushed model, named by time; without it, 'pushed' in the run's folder."
    )
