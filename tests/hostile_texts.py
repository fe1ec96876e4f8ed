"""Texts that act on a terminal, turn the order of text round, are not seen, or break out of HTML and YAML."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

#: Some of each kind.
ACTING = "\x1b]0;title\x07\x9b2J\u202e\u2066\u200b\u2060\ufeff\xad\x7f\x08\r\U000e0041\u2028\x85"

#: The key of a signed URL, which nothing shows.
SECRET = "s3cr3t"

#: Texts that mean something elsewhere.
BREAKING = "\"'></script><script>alert(1)</script><!--{{ 7 * 7 }}${7*7}]]>&amp;# : - |%"

#: Any text, rich in what acts, lone surrogates among it.
HOSTILE_TEXTS = st.lists(
    st.one_of(
        st.sampled_from(ACTING), st.sampled_from(BREAKING), st.characters(), st.integers(0xD800, 0xDFFF).map(chr)
    ),
    max_size=16,
).map("".join)


def acting_characters(text: str) -> set[str]:
    """What acts, is not seen or is no text in a text, but not joiners and tags, which may belong to the spelling."""
    spelling = {"\u200c", "\u200d", *map(chr, range(0xE0030, 0xE0080))}
    drawn = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN")
    return {
        character
        for character in set(text) - spelling
        if character == "\u061c"
        or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and not unicodedata.name(character, "").startswith(drawn)
    }
