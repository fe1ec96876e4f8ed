"""Functions of characters in TensorFlow give what the running Python gives, for every character of Unicode."""

from __future__ import annotations

import re

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import strip_accents_ascii, strip_accents_unicode

from diptych.models.text.character_map import CharacterMap
from diptych.models.text.python_characters import CODE_POINTS

EVERY = [chr(code) for code in range(CODE_POINTS) if not 0xD800 <= code < 0xE000]
FUNCTIONS = {
    "lower": str.lower,
    "lower without accents": lambda text: strip_accents_unicode(text.lower()),
    "lower ASCII": lambda text: strip_accents_ascii(text.lower()),
    "without accents": strip_accents_unicode,
}
MAPS = {
    (name, space_pattern): CharacterMap(function, space_pattern)
    for name, function in FUNCTIONS.items()
    for space_pattern in (None, r"\W", r"\s")
}


def mapped(name: str, space_pattern: str | None, texts: list[str]) -> list[str]:
    return [text.decode() for text in MAPS[name, space_pattern](tf.constant(texts, tf.string)).numpy()]


def expected(name: str, space_pattern: str | None, texts: list[str]) -> list[str]:
    replaced = [FUNCTIONS[name](text) for text in texts]
    return [re.sub(space_pattern, " ", text) for text in replaced] if space_pattern else replaced


@pytest.mark.parametrize(
    ("name", "space_pattern"),
    [
        ("lower", None),
        ("lower", r"\W"),
        ("lower without accents", r"\W"),
        ("lower ASCII", None),
        ("without accents", r"\s"),
    ],
)
def test_every_character_becomes_what_python_makes_of_it(name: str, space_pattern: str | None) -> None:
    texts = ["|".join(EVERY[start : start + 256]) for start in range(0, len(EVERY), 256)]
    ours, pythons = mapped(name, space_pattern, texts), expected(name, space_pattern, texts)
    assert [text for text, a, b in zip(texts, ours, pythons, strict=True) if a != b] == []
    assert sum(len(text.split("|")) for text in texts) >= len(EVERY) == 1_112_064


def test_only_the_dotted_capital_i_grows_in_lower_case() -> None:
    assert [character for character in EVERY if len(character.lower()) != 1] == ["İ"]


cases = st.sampled_from([*"ΣΣΣσaA .'1:\u0301\u0345\u00ad\u02b0\u2019İ字", "ª", "ǅ", "\U0001f130"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(cases, max_size=8), min_size=1, max_size=8))
def test_a_sigma_is_final_where_python_says_so(texts: list[str]) -> None:
    assert mapped("lower", None, texts) == [text.lower() for text in texts]


def test_every_character_beside_a_sigma_counts_as_python_counts_it() -> None:
    for form in ("aΣ{} ", "aΣ{}a ", "{}Σ ", "a{}Σ "):
        texts = ["".join(map(form.format, EVERY[start : start + 256])) for start in range(0, len(EVERY), 256)]
        assert mapped("lower", None, texts) == [text.lower() for text in texts]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=5),
    st.sampled_from(list(MAPS)),
)
def test_any_texts_become_what_python_makes_of_them(texts: list[str], which: tuple[str, str | None]) -> None:
    assert mapped(*which, texts) == expected(*which, texts)


def test_no_text_at_all_and_bytes_that_are_none_raise_nothing() -> None:
    assert mapped("lower", None, []) == []
    assert MAPS["lower", None](tf.constant([b"A\xff\xfeB"])).numpy()[0].decode() == "a\ufffd\ufffdb"
