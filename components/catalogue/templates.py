"""Templates: values that are made of several columns, such as ``images/{id}.jpg`` and ``{title}. {brand}``.

``{id:06d}`` is a whole number with zeros before it, six digits in all; ``{id:d}`` is one without any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_PLACEHOLDER = re.compile(r"\{(?P<column>[^{}]+?)(?P<format>:(?:0(?P<digits>[1-9]\d?))?d)?\}")
_CLOSING = ")]>\"'»”’"
#: Brackets and quotes that open; the one that closes stands at the same place among the closing ones.
OPENING = "([<\"'«“‘"


@dataclass(frozen=True)
class TemplatePart:
    """A placeholder and the text around it.

    Attributes:
        before: the text that leads to it.
        digits: the number of digits of a whole number, 0 for as many as it has; None if the value is no number.
        after: the bracket or quote that closes what ``before`` opens.
    """

    before: str
    column: str
    digits: int | None
    after: str


def template_columns(name: str) -> list[str]:
    """The columns that a template such as ``images/{id}.jpg`` is made of; none if it is no template."""
    return [part.column for part in parse_template(name)[0]]


@lru_cache(maxsize=256)
def parse_template(template: str) -> tuple[list[TemplatePart], str]:
    """The placeholders of a template, and what follows the last of them."""
    parts = list(_parts(template))
    end = sum(len(before) + len(whole) for before, whole, *_ in parts)
    found: list[TemplatePart] = []
    rest = template[end:]
    for number, (before, _, column, digits) in enumerate(parts):
        if found:
            before = before.removeprefix(found[-1].after)
        following = parts[number + 1][0] if number + 1 < len(parts) else rest
        found.append(TemplatePart(before, column, digits, _closing(before, following)))
    return found, rest.removeprefix(found[-1].after) if found else rest


def _parts(template: str) -> Iterator[tuple[str, str, str, int | None]]:
    """What stands before each placeholder, the placeholder, its column and its digits."""
    place = 0
    for match in _PLACEHOLDER.finditer(template):
        digits = int(match["digits"] or 0) if match["format"] else None
        yield template[place : match.start()], match[0], match["column"], digits
        place = match.end()


def _closing(before: str, following: str) -> str:
    """The sign at the start of a text that closes the one at the end of the text before."""
    opened = OPENING.find(before[-1:]) if before else -1
    return _CLOSING[opened] if opened >= 0 and following.startswith(_CLOSING[opened]) else ""
