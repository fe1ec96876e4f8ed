"""Sets of characters as the running Python knows them, also in the syntax of RE2."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

#: The number of Unicode's code points, which are the indices of a set of characters: bool ``[CODE_POINTS]``.
CODE_POINTS = 0x110000

_SURROGATES = slice(0xD800, 0xE000)


@cache
def all_characters() -> str:
    """A text of all code points in their order."""
    return "".join(map(chr, range(CODE_POINTS)))


@cache
def characters_matching(pattern: str) -> NDArray[np.bool_]:
    """The characters that Python's ``re`` matches with a pattern of one character, bool ``[CODE_POINTS]``.

    Surrogates are left out, because no text that TensorFlow reads contains any.
    """
    matching = np.zeros(CODE_POINTS, np.bool_)
    for match in re.finditer(f"(?:{pattern})+", all_characters()):
        matching[slice(*match.span())] = True
    matching[_SURROGATES] = False
    return matching


def range_edges(characters: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The ranges of consecutive characters in a set: start, end, start, end, ...; an end is not part of its range."""
    changes = np.diff(characters.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(changes)


def re2_character_class(characters: NDArray[np.bool_]) -> str:
    """A set of characters, bool ``[CODE_POINTS]``, as a character class in RE2's syntax."""
    ranges = range_edges(characters).reshape(-1, 2)
    if not len(ranges):
        return r"[^\x{0}-\x{10FFFF}]"
    return "[" + "".join(rf"\x{{{start:X}}}-\x{{{end - 1:X}}}" for start, end in ranges) + "]"
