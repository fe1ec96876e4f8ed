"""A token pattern finds in TensorFlow what ``re.findall`` finds, or is refused."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.models.text.options import TextOptions
from diptych.models.text.token_patterns import parse_token_pattern
from diptych.models.text.tokenizer import make_tokenizer
from diptych.models.text.vocabulary import unescape_term
from tests.models.text.corpora import any_text, generated_texts

WORD_PATTERNS = [
    r"(?u)\b\w\w+\b",
    r"\b\w+\b",
    r"\b\w{2,4}?\b",
    r"\b[a-m]\w*\b",
    r"\b(?:[^\W\d_]+|\d{2})\b",
    r"\b\d+x?\b",
]
OTHER_PATTERNS = [
    r"\S+",
    r"(?u)[^\W\d_]+",
    r"(?:\w|-)+",
    r"#?([a-zß]+)\W",
    r"\d+|[A-Zİ]\w*?e",
    r".",
    r"..?",
    r"[\s\S]{3}",
    r"\r?\n|\\",
    r"(a)|b",
    r"[^a-f]",
]


def found(pattern: str, texts: list[str]) -> list[list[str]]:
    tokenize = make_tokenizer(TextOptions(token_pattern=pattern, lowercase=False))
    return [[unescape_term(term) for term in row] for row in tokenize(tf.constant(texts, tf.string)).to_list()]


@pytest.mark.parametrize("pattern", [*WORD_PATTERNS, *OTHER_PATTERNS])
def test_it_finds_what_python_finds(pattern: str) -> None:
    texts = [*generated_texts(300), "ab12x 34 İe #straße! a-b\r\n\\c", "ba\nb"]
    ours = found(pattern, texts)
    assert ours == [re.findall(pattern, text) for text in texts]
    assert any(ours)


characters = st.sampled_from(["a", "b", "Σ", "1", r"\w", r"\d", r"\s", r"\W", "[a-c1]", r"[^\sa]", ".", "é"])
repeats = st.sampled_from(["", "", "+", "{2}", "{1,3}", "+?", "*", "?"])
parts = st.lists(st.tuples(characters, repeats).map("".join), min_size=1, max_size=3).map("".join)
patterns = st.lists(parts, min_size=1, max_size=3).map("|".join)


@settings(max_examples=40, deadline=None)
@given(patterns, st.lists(st.text("ab1Σé \n_x", max_size=12) | any_text, min_size=1, max_size=4))
def test_any_pattern_that_is_taken_finds_what_python_finds(pattern: str, texts: list[str]) -> None:
    try:
        parse_token_pattern(pattern)
    except ValueError as error:
        assert "empty" in str(error)
        return
    assert found(pattern, texts) == [re.findall(pattern, text) for text in texts]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(", "no regular expression"),
        (r"(?i)\w+", "flags"),
        (r"(?a)\b\w+\b", "flags"),
        (r"(?i:a)b", "flags"),
        (r"\b\w+-\w+\b", "more than word characters"),
        (r"\b(\w)\w+\b", r"a group between its \\b"),
        (r"\b\w+", "an anchor or a"),
        (r"^\w+", "an anchor"),
        (r"\w+(?=x)", "look-around"),
        (r"(?<!x)\w+", "look-around"),
        (r"(a)\1", "a back-reference"),
        (r"(a)(b)", "2 groups"),
        (r"\w*", "matches the empty text"),
        (r"(?:a*)+b", "repeats what may be empty"),
        (r"a{1001}", "more than 1000 times"),
    ],
)
def test_what_cannot_be_translated_is_refused_and_says_why(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_token_pattern(pattern)


def test_a_refusal_names_the_pattern_and_the_forms_that_are_supported() -> None:
    with pytest.raises(ValueError, match=r"token_pattern 'a\$' cannot be translated, .*; supported are \\bBODY\\b"):
        parse_token_pattern("a$")
