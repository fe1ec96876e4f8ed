"""The order in which people list names: 2 comes before 10."""

from __future__ import annotations

import re
from typing import TypeAlias

# Text and numbers by turns; a number is its length and digits, of which Python may convert no more than some thousands.
NaturalKey: TypeAlias = tuple[tuple[str | tuple[int, str], ...], str]

_DIGITS = re.compile("([0-9]+)")


def natural_key(name: str) -> NaturalKey:
    """Key that sorts names with their numbers by value; names without digits are sorted as texts are.

    Names that differ have keys that differ, so the order never depends on the order before: ``01`` comes before ``1``.
    """
    parts = _DIGITS.split(name)
    return tuple(_number(part) if place % 2 else part for place, part in enumerate(parts)), name


def _number(digits: str) -> tuple[int, str]:
    digits = digits.lstrip("0")
    return len(digits), digits
