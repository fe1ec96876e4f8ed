"""Options of Pusher."""

from __future__ import annotations

from pydantic import Field

from diptych.models.options import Options


class PushOptions(Options):
    """Where blessed models are copied to."""

    directory: str | None = Field(
        None,
        description="Gets a folder for each pushed model, named by its time; without it, 'pushed' in the run's folder.",
    )
