"""Lists that JSON, Python and NumPy write into one cell are read as they were, or refused."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.readers.written_lists import is_written_list, parse_written_list

_TEXTS = st.lists(st.text(st.characters(blacklist_categories=["Cs"])))


@given(_TEXTS)
def test_what_json_and_python_write_comes_back(texts: list[str]) -> None:
    for text in (json.dumps(texts), json.dumps(texts, ensure_ascii=False), str(texts)):
        assert is_written_list(text)
        assert parse_written_list(text) == texts
    if texts:
        assert parse_written_list(str(tuple(texts))) == texts
        assert set(parse_written_list(str(set(texts)))) == set(texts)


@given(st.lists(st.text(st.sampled_from("ab c,'\"\\\n")), min_size=1))
def test_what_numpy_writes_comes_back(texts: list[str]) -> None:
    assert parse_written_list(str(np.array(texts, dtype=object))) == texts


@given(st.lists(st.integers(-(10**6), 10**6)))
def test_numbers_come_back(numbers: list[int]) -> None:
    for text in (json.dumps(numbers), str(np.array(numbers, int))):
        assert is_written_list(text)
        assert parse_written_list(text) == numbers


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("['a', None, nan]", ["a", None, None]),
        ("[np.str_('a'), np.int64(3)]", ["a", 3]),
        ("[u'a', u'b']", ["a", "b"]),
        ("['a'\n 'b']", ["a", "b"]),
        ("['a',]", ["a"]),
        ("[1. 2.]", [1.0, 2.0]),
        ("[true, False]", [True, False]),
        (" [ ] ", []),
    ],
)
def test_lists_of_other_hands(text: str, items: list[object]) -> None:
    assert parse_written_list(text) == items


@pytest.mark.parametrize(
    "text",
    [
        "['a' 'b' ... 'z']",
        "['a', 'b' 'c']",
        "['a''b']",
        "['a', ['b']]",
        '[["a"]]',
        '[{"a": 1}]',
        "{'a': 1}",
        "[cat, dog]",
        "['a', 'b'",
        "['a', 'b')",
        "['\\z']",
        "['a\nb']",
        "[,'a']",
        "[__import__('os')]",
        "[" * 100_000 + "]" * 100_000,
        "007",
        "",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it is no list|brackets|no item|nothing parts|some of its items|neither"):
        parse_written_list(text)


@given(st.text(st.sampled_from("[](){}'\"\\, \n1a.eN-x")))
def test_no_text_does_harm(text: str) -> None:
    with suppress(ValueError):
        parse_written_list(text)
    is_written_list(text)


@pytest.mark.parametrize("text", ["[unknown]", "(other)", "{x}", "dog, big", "a [1]", "['a", "", "[", "[1"])
def test_names_of_classes_do_not_look_like_lists(text: str) -> None:
    assert not is_written_list(text)
