"""The base of every error that a person can mend, and how its message finds the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

#: Exit codes of the command line.
OK, FAILED, USAGE, GATE_STOPPED = 0, 1, 2, 3

# As ``difflib.get_close_matches`` measures it, 0 to 1.
_SIMILARITY = 0.5


class DiptychError(Exception):
    """Something a person can mend; the message names the file, row or key and the remedy.

    The command line prints the message and ends with ``exit_code``. Every other exception is a bug and keeps its
    traceback.
    """

    exit_code: ClassVar[int] = USAGE


class OptionsError(DiptychError, ValueError):
    """Options suit neither each other nor the data; the message names the key and what is allowed."""


class DatasetError(DiptychError, ValueError):
    """Stored records, or what was learned of them, are missing or damaged; the message names the file."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion such as ``"did you mean 'image'? "``: the known name that is most similar to ``name``.

    Upper and lower case count as equal. The text is empty if no known name is similar.
    """
    by_lower = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=_SIMILARITY)
    return f"did you mean '{by_lower[found[0]]}'? " if found else ""
