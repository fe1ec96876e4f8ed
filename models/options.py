"""The base class of all options."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Immutable options of one part of the pipeline. An unknown key is an error; numbers must be finite.

    TFX passes options as JSON (``model_dump_json``); the part that owns them parses them again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
