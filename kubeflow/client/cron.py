"""Schedules of recurring runs, as KFP's parser reads them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON_FIELDS: tuple[tuple[str, int, int, Sequence[str]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_CRON_NAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def cron(text: str) -> str:
    """The value of ``--recurring`` with the six fields that KFP reads, the first of them seconds."""
    fields = text.split()
    if text.strip() in _CRON_NAMES:
        return text.strip()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise argparse.ArgumentTypeError(
            f"'{text}' has {len(fields)} fields; cron has 5 (minute, hour, day, month, day of the week), "
            "or 6 with seconds first"
        )
    for field, (name, low, high, names) in zip(fields, _CRON_FIELDS, strict=True):
        if not all(_fits(part, low, high, names) for part in field.split(",")):
            raise argparse.ArgumentTypeError(f"'{text}': '{field}' is no {name}; it goes from {low} to {high}")
    return " ".join(fields)


def _fits(part: str, low: int, high: int, names: Sequence[str]) -> bool:
    """Whether KFP's parser takes one part of a field, such as ``*/5`` or ``mon-fri``."""
    match = re.fullmatch(r"(?:[*?]|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
    if match is None or match[3] is not None and int(match[3]) == 0:
        return False
    ends = [_number(end, low, names) for end in (match[1], match[2]) if end is not None]
    return all(low <= end <= high for end in ends) and ends == sorted(ends)


def _number(text: str, low: int, names: Sequence[str]) -> int:
    if text.lower() in names:
        return low + list(names).index(text.lower())
    return int(text) if text.isdecimal() and text.isascii() else -1
