"""The base class of all options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from diptych.models.credentials import refuse_credentials


class Options(BaseModel):
    """Immutable options of one part of the pipeline. An unknown key is an error; numbers must be finite.

    TFX passes options as JSON (``model_dump_json``); the part that owns them parses them again. The JSON is kept in the
    metadata of each run, and in a cluster with the pipeline: no option holds a URL with credentials.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    @field_validator("*")
    @classmethod
    def _has_no_credentials(cls, value: Any) -> Any:
        for text in _texts(value):
            refuse_credentials(text)
        return value


def _texts(value: Any) -> Iterable[str]:
    """The texts in a value; those of options in it have been looked at by themselves."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
