r"""Text of data as it may be shown on a terminal, in a log and on a page: nothing in it acts, and nothing is hidden.

What a terminal obeys (ESC and other controls), what turns the order of text round (Unicode's bidirectional controls;
N. Boucher and R. Anderson, "Trojan Source: Invisible Vulnerabilities", 2021) and what nobody sees (zero-width
characters and the rest of Unicode's property Default_Ignorable_Code_Point but for variation selectors) is written as
Python and YAML escape it: ``\x1b``, ``\u202e``. Credentials in URLs are masked.

Joiners stay where they belong to the spelling: in emoji, and between the letters of Arabic and Indic scripts (as RFC
5892, appendix A, allows them in domain names). So do the tags that make flags.
"""

from __future__ import annotations

import json
import re
from typing import Any

from diptych.models.credentials import mask_credentials

_EMOJI = "[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"
# The blocks from Arabic to Sinhala, and those of South-east Asia up to Mongolian.
_JOINING = "[\u0600-\u0dff\u1000-\u109f\u1780-\u18af\u08a0-\u08ff\ufb50-\ufdff]"
_SPELLING = (
    rf"(?<={_EMOJI})\u200d(?={_EMOJI})"
    rf"|(?<={_JOINING})[\u200c\u200d](?={_JOINING})"
    "|(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
)
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_UNSAFE = re.compile(f"(?P<spelling>{_SPELLING})|[{_HIDDEN}]")
_LINE_SIGNS = str.maketrans({"\n": "\\n", "\t": "\\t"})


def show_text(text: str) -> str:
    """A text of one or more lines as it may be shown; tabs and line ends stay."""
    return escape_hidden(mask_credentials(text))


def show_line(text: str) -> str:
    """A text as it may be shown in one line: line ends and tabs are escaped, too, so that it makes no other line."""
    return show_text(text).translate(_LINE_SIGNS)


def escape_hidden(text: str) -> str:
    """The text with escapes for what acts or is not seen; see above."""
    return _UNSAFE.sub(lambda match: match[0] if match["spelling"] else _escape(match[0]), text)


def show_json(value: Any) -> str:
    """A value as indented JSON that may be shown, and is read as the same value: the escapes are JSON's own."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: match[0] if match["spelling"] else json.dumps(match[0])[1:-1], text)


def _escape(character: str) -> str:
    return ascii(character)[1:-1]
