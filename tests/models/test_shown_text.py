"""Nothing in a text that is shown acts or hides, and what belongs to the spelling stays."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.models.shown_text import escape_hidden, show_json, show_line, show_text
from tests.hostile_texts import ACTING, HOSTILE_TEXTS, acting_characters


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31mred", "\\x9b31mred"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\u200bb\ufeff\xad", "a\\u200bb\\ufeff\\xad"),
        ("half \ud83d", "half \\ud83d"),
        ("\U000e0041", "\\U000e0041"),
        ("a\rb\x08", "a\\rb\\x08"),
        ("cat\u200ddog", "cat\\u200ddog"),
        ("C:\\x1b", "C:\\x1b"),
    ],
)
def test_what_acts_or_hides_becomes_an_escape(text: str, shown: str) -> None:
    assert show_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines\tand a tab",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
        "\u2764\ufe0f\u200d\U0001f525",  # a heart on fire
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: I want
        "\u0915\u094d\u200d\u0937",  # Devanagari with a half form
        "e\u0301 \xfc \u4f60\u597d \u05e9\u05dc\u05d5\u05dd 1\ufe0f\u20e3",
    ],
)
def test_what_belongs_to_the_spelling_stays(text: str) -> None:
    assert show_text(text) == text


def test_every_control_and_format_character_of_unicode_is_escaped_unless_it_is_seen() -> None:
    """The format characters that are drawn are signs of Arabic, Syriac and Kaithi, and joiners of hieroglyphs."""
    kept = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and escape_hidden(character) == character
    ]
    drawn = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN")
    assert [character for character in kept if not unicodedata.name(character, "").startswith(drawn)] == ["\t", "\n"]


@pytest.mark.promise("No control, bidirectional or invisible character of the data reaches terminal, log or page raw")
@given(HOSTILE_TEXTS)
def test_nothing_acts_in_any_text(text: str) -> None:
    assert not acting_characters(show_text(text)) - set("\n\t")
    assert not acting_characters(show_line(text))
    show_line(text).encode()


@given(st.dictionaries(HOSTILE_TEXTS, HOSTILE_TEXTS, max_size=3))
def test_json_that_is_shown_is_read_as_it_was(value: dict[str, str]) -> None:
    shown = show_json(value)
    assert not acting_characters(shown) - {"\n"}
    # JSON's own reading joins two halves of a pair, wherever they come from.
    assert json.loads(shown) == json.loads(json.dumps(value))


def test_long_texts_take_no_longer_by_the_square() -> None:
    """Texts on which a careless expression would look at each character again for each one before it."""
    for text in ("a." * 50_000 + "://", "a://b:c" * 20_000, "?" * 50_000 + "=", ACTING * 20_000):
        show_text(text)
