"""A value of a row as text."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from diptych.components.catalogue.reasons import RowError

# Beyond it, floats lie so far apart that a whole one says nothing of the digits that were written.
_MAX_WHOLE = 2**53


def as_text(value: Any) -> str:
    """A raw value as text; None and NaN are an empty one.

    A whole float is a whole number: a missing value somewhere in a column makes floats of its integers.

    Raises:
        RowError: it cannot be; the detail is a phrase that follows the name of the column.
    """
    if isinstance(value, str):
        text = value
    elif value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, float):
        return str(as_whole(value))
    elif isinstance(value, bytes):
        text = value.decode(errors="surrogateescape")
    elif isinstance(value, (dict, list, tuple)):
        raise RowError("malformed_row", wrong_type(value))
    else:
        return str(value)
    if not _is_utf8(text):
        raise RowError("bad_encoding", "is not valid UTF-8")
    return text


def as_whole(value: float) -> float | int:
    """A float that is a whole number as an integer, any other as it is."""
    return int(value) if value.is_integer() and abs(value) < _MAX_WHOLE else value


def is_null(value: Any, null_values: Collection[str]) -> bool:
    """Whether a raw value is a text or a number that ``data.null_values`` names."""
    text = value if isinstance(value, str) else as_text(value) if isinstance(value, (int, float)) else None
    return text is not None and text.strip() in null_values


def wrong_type(value: Any) -> str:
    """What is wrong with a value that is neither text nor number, as a phrase that follows the name of the column."""
    return f"holds a {type(value).__name__}; a text or number is needed"


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
