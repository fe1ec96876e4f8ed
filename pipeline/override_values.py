"""The value of ``--set KEY=VALUE``: what a person typed, in YAML only where it says a number, a list or the like."""

from __future__ import annotations

import re
from typing import Any

import yaml

_WORDS = {"null": None, "true": True, "false": False}
_CONSTANTS = {form: value for name, value in _WORDS.items() for form in (name, name.capitalize(), name.upper())}
_CONSTANTS["~"] = None
# Python converts no more than some thousands of digits.
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,999})")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_NO_FINITE_NUMBER = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
# What opens a list, a mapping and quoted text.
_OPENING = tuple("[{'\"")


def read_override_value(text: str) -> Any:
    """The value that a text on the command line stands for.

    These are read as YAML: an integer or a number with a point or exponent, ``true``, ``false``, ``null``, ``~``,
    nothing at all, a list ``[...]``, a mapping ``{key: value}``, and quoted text. Anything else is text, and stays as
    it is: signs that mean something in YAML, such as ``|`` and ``#``, mean nothing here. ``{name}``, a mapping without
    values, is text too, because templates are written so.
    """
    stripped = text.strip()
    if not text or stripped in _CONSTANTS:
        return _CONSTANTS.get(stripped)
    if _INTEGER.fullmatch(stripped):
        return int(stripped)
    if _FLOAT.fullmatch(stripped) or stripped.lower() in _NO_FINITE_NUMBER:
        return float(_NO_FINITE_NUMBER.get(stripped.lower(), stripped))
    return _read_flow(stripped, text) if stripped.startswith(_OPENING) else text


def _read_flow(flow: str, text: str) -> Any:
    """The list, mapping or quoted text that is written in ``flow``; ``text`` if it is none, or does not end there."""
    try:
        node, value = yaml.compose(flow, yaml.SafeLoader), yaml.safe_load(flow)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
    is_block = isinstance(node, yaml.CollectionNode) and not node.flow_style
    names_only = isinstance(value, dict) and value and ":" not in flow
    return text if is_block or names_only or node is None or node.end_mark.index < len(flow) else value
