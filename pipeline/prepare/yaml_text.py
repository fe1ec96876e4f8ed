r"""Text in YAML. What is not seen in it, or acts on a terminal, is written as YAML's escape, such as ``"\u202e"``."""

from __future__ import annotations

import re
from typing import Any

import yaml

from diptych.models.shown_text import escape_hidden


class _Dumper(yaml.SafeDumper):
    """Puts texts in double quotes that need escapes, which YAML knows there only."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    needs_escapes = escape_hidden(text) != text or re.search(r"[^\S ]", text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if needs_escapes else None)


_Dumper.add_representer(str, _represent)


def dump_yaml(value: Any) -> str:
    """Values in YAML, a line or more for each key, in the order in which they are given."""
    # PyYAML leaves characters as they are that Unicode calls printable. In double quotes their escapes are YAML's.
    return escape_hidden(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def format_value(value: Any) -> str:
    """A text, number, list or mapping as YAML in one line."""
    dumped: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=float("inf"), sort_keys=False
    )
    return escape_hidden(dumped.removesuffix("...\n").strip())
