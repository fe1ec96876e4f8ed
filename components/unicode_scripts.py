"""The writing systems of letters."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=1 << 16)
def letter_script(letter: str) -> str:
    """The script of a letter, as its Unicode name begins: ``LATIN``, ``CYRILLIC``, ``CJK``.

    A character without a name is ``UNNAMED``.
    """
    return unicodedata.name(letter, "UNNAMED").split()[0].split("-")[0]
