"""The settings of a run that are not as they are by default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from diptych.models.credentials import mask_values
from diptych.pipeline.settings import Settings

_NONE = "–"


def changed_settings(values: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Dotted key to value and default, as lines of text without credentials; a key that has no default has a dash.

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
            yield prefix + name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
