"""The settings of a run that are not as they are by default."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from diptych.models.credentials import mask_values
from diptych.pipeline.settings import Settings

_NONE = "–"


def changed_settings(values: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Dotted key to value and default, as lines of text; a key that has no default has a dash.

    Credentials are masked, and of a path of this machine only the last part is told: a compiled pipeline, which holds
    these texts, says nothing of the machine that it was compiled on.

    Args:
        values: section to key to value, as ``Settings.model_dump(mode="json")`` returns them.
    """
    # The catalogue alone has no default.
    nothing = Settings.model_validate({"data": {"catalogue": _NONE}})
    defaults = dict(_flatten(nothing.model_dump(mode="json")))
    given = dict(_flatten({name: mask_values(value) for name, value in values.items()}))
    return {key: (value, defaults.get(key) or _NONE) for key, value in given.items() if value != defaults.get(key)}


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, _show(value)


def _show(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return os.path.basename(value.rstrip("/")) if os.path.isabs(value) else value
