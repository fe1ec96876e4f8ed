"""Detects the encoding of a text file by its bytes."""

from __future__ import annotations

import codecs

# The byte order marks that a file may begin with. UTF-32's little-endian one begins like UTF-16's, so it comes first.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Encodings that files are in, the most frequent first. Rarer ones are left out: they would only match by chance.
_COMMON = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "mac_roman"),
    *("gb18030", "big5", "cp932", "euc_jp", "euc_kr", "utf_16_le", "utf_16_be"),
]
# Of so many pairs of bytes, one has a zero: delimiters, digits and paths are ASCII in every language.
_MIN_ZEROS = 10
# So many zeros stand in the place of the high bytes for one elsewhere.
_ZEROS_IN_PLACE = 10


def detect_encoding(head: bytes) -> str:
    """The encoding of a text, as Python names it: that of its byte order mark, or UTF-8 if it fits, or the likeliest.

    Args:
        head: the first bytes of the text; they may end in the middle of a character.
    """
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if wide := _detect_utf_16(head):
        return wide
    # A few damaged bytes do not make UTF-8 another encoding: in a text of another one, most characters beyond ASCII are
    # no UTF-8.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(head)
    bad = text.count("\ufffd")
    if bad == 0 or bad * 10 < len(text) - len(text.encode("ascii", "ignore")):
        return "utf-8"
    from charset_normalizer import from_bytes

    matches = from_bytes(head, cp_isolation=_COMMON)
    likeliest = [
        match for match in matches if (match.chaos, match.coherence) == (matches[0].chaos, matches[0].coherence)
    ]
    fitting = {encoding for match in likeliest for encoding in match.could_be_from_charset}
    return codecs.lookup(next((encoding for encoding in _COMMON if encoding in fitting), _COMMON[0])).name


def _detect_utf_16(head: bytes) -> str | None:
    """UTF-16 without a mark: of a table's pairs of bytes, many have a zero in one place, few in the other."""
    zeros = head[::2].count(0), head[1::2].count(0)
    if max(zeros) * _MIN_ZEROS < len(head) // 2 or min(zeros) * _ZEROS_IN_PLACE > max(zeros) or not any(zeros):
        return None
    return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
