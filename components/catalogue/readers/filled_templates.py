"""Templates with the values of a row in the places of columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from diptych.components.catalogue.readers.cell_text import as_text
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.templates import OPENING, TemplatePart, parse_template

#: Gives the raw value of a column.
Lookup = Callable[[str], Any]

_WHOLE_NUMBER = re.compile(r"\s*(-?)(\d+)(?:\.0*)?\s*")


def fill_whole(template: str, lookup: Lookup) -> str:
    """A template with the columns' texts in their places; empty if all of them are.

    Raises:
        RowError: one of several columns is empty; or a value is of no use; the detail is a phrase that follows the
            template.
    """
    parts, rest = parse_template(template)
    texts = [_text(part, lookup) for part in parts]
    if not any(text.strip() for text in texts):
        return ""
    for part, text in zip(parts, texts, strict=True):
        if not text.strip():
            raise RowError("malformed_row", f"is made of '{part.column}', which is empty")
    return "".join(part.before + text + part.after for part, text in zip(parts, texts, strict=True)) + rest


def fill_text(template: str, lookup: Lookup) -> str:
    """A text for people: what leads to an empty column vanishes with it, and so do brackets and quotes around it.

    Where nothing stands before a column, the signs and spaces that part it from the one before vanish too.

    Raises:
        RowError: a value is of no use; the detail is a phrase that follows the template.
    """
    parts, rest = parse_template(template)
    found = ""
    for part in parts:
        if text := _text(part, lookup).strip():
            found += (part.before if found or part is parts[0] else _without_signs(part.before)) + text + part.after
    return found + rest if found else ""


def _text(part: TemplatePart, lookup: Lookup) -> str:
    """The text of a placeholder's column.

    Raises:
        RowError: there is none, or it is no whole number where one is needed.
    """
    try:
        text = as_text(lookup(part.column))
        return text if part.digits is None or not text.strip() else _whole_number(text, part.digits)
    except RowError as error:
        raise RowError(error.reason, f"is made of '{part.column}', which {error.detail}") from None


def _without_signs(before: str) -> str:
    """A text from its first letter, digit or opening sign on."""
    return re.sub(rf"^[^\w{re.escape(OPENING)}]+", "", before)


def _whole_number(text: str, digits: int) -> str:
    number = _WHOLE_NUMBER.fullmatch(text)
    if not number:
        raise RowError("malformed_row", f"holds '{text}'; a whole number is needed")
    return number[1] + (number[2].lstrip("0") or "0").zfill(digits)
