"""Runtime parameters as a person gives them: ``--param NAME=VALUE``, in the types that the pipeline declares."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

_PARSERS: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "NUMBER_INTEGER": int,
    "INT": int,
    "NUMBER_DOUBLE": float,
    "DOUBLE": float,
    "BOOLEAN": {"true": True, "false": False}.__getitem__,
    "LIST": json.loads,
    "STRUCT": json.loads,
}


def key_and_value(text: str) -> tuple[str, str]:
    """The value of ``--param``."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError("write it as NAME=VALUE")
    return key, value


def read_parameters(spec: Mapping[str, Any], params: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values of ``--param``, in the types that the pipeline declares.

    Raises:
        SettingsError: there is no such parameter, its value has another type, or a required one is missing.
    """
    from diptych.pipeline.settings import SettingsError

    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    values = {}
    for name, text in params:
        if name not in declared:
            raise SettingsError(f"--param {name}: the pipeline's parameters are: {', '.join(declared) or 'none'}")
        values[name] = _read_parameter(name, text, declared[name])
    for name, parameter in declared.items():
        if name not in values and not parameter.get("isOptional") and "defaultValue" not in parameter:
            raise SettingsError(f"the pipeline needs a value: --param {name}=VALUE")
    return values


def _read_parameter(name: str, text: str, declared: Mapping[str, Any]) -> Any:
    from diptych.pipeline.settings import SettingsError

    kind = declared.get("parameterType") or declared.get("type") or "STRING"  # the latter in schema version 2.0.0
    with suppress(ValueError, KeyError):
        value = _PARSERS[kind](text)
        if isinstance(value, {"LIST": list, "STRUCT": dict}.get(kind, object)):
            return value
    raise SettingsError(f"--param {name}={text}: its type is {kind}")
