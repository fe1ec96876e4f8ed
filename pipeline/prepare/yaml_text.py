"""Text in YAML."""

from __future__ import annotations

import re

import yaml


def format_scalar(value: str) -> str:
    """A text as a YAML scalar in one line."""
    style = '"' if re.search(r"[^\S ]", value) else None
    return (
        yaml.safe_dump(value, default_style=style, allow_unicode=True, width=float("inf")).removesuffix("...\n").strip()
    )
