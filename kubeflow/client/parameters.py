"""Runtime parameters as the command line gives them, ``--param NAME=VALUE``, read in the types of the pipeline."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from diptych.models.credentials import refuse_credentials

_READERS: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "NUMBER_INTEGER": int,
    "INT": int,
    "NUMBER_DOUBLE": float,
    "DOUBLE": float,
    "BOOLEAN": {"true": True, "false": False}.__getitem__,
    "LIST": json.loads,
    "STRUCT": json.loads,
}


def name_and_value(text: str) -> tuple[str, str]:
    """Parts the value of ``--param`` at its first ``=``.

    Raises:
        argparse.ArgumentTypeError: there is none, or nothing stands before it.
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError("write it as NAME=VALUE")
    return name, value


def read_parameters(spec: Mapping[str, Any], params: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values of ``--param`` in the types that the pipeline spec declares.

    Raises:
        SettingsError: there is no such parameter, its value has another type, or a required one is missing.
        OptionsError: a value is a URL with credentials.
    """
    from diptych.pipeline.settings import SettingsError

    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    values = {}
    for name, text in params:
        if name not in declared:
            raise SettingsError(f"--param {name}: the pipeline's parameters are: {', '.join(declared) or 'none'}")
        # A run's parameters can be seen by everyone who sees the run.
        values[name] = _read_parameter(name, refuse_credentials(text), declared[name])
    for name, parameter in declared.items():
        if name not in values and not parameter.get("isOptional") and "defaultValue" not in parameter:
            raise SettingsError(f"the pipeline needs a value: --param {name}=VALUE")
    return values


def _read_parameter(name: str, text: str, declared: Mapping[str, Any]) -> Any:
    from diptych.pipeline.settings import SettingsError

    kind = declared.get("parameterType") or declared.get("type") or "STRING"  # the latter in schema version 2.0.0
    with suppress(ValueError, KeyError):
        value = _READERS[kind](text)
        if isinstance(value, {"LIST": list, "STRUCT": dict}.get(kind, object)):
            return value
    raise SettingsError(f"--param {name}={text}: its type is {kind}")
