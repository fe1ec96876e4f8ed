"""The base of every room's options."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Immutable options of one part. Unknown keys are errors, never ignored.

    Options cross TFX as JSON (``model_dump_json``) and are parsed again by the part that owns them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
