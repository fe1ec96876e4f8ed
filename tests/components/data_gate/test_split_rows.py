"""The script of a text is that of most of its letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.data_gate.split_rows import (
    NO_SCRIPT,
    text_script,
)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("a cup", "LATIN"),
        ("чашка cup", "CYRILLIC"),
        ("茶杯", "CJK"),
        ("كوب", "ARABIC"),
        ("12 + 3", NO_SCRIPT),
        ("", NO_SCRIPT),
    ],
)
def test_a_texts_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert text_script(text) == script


@given(st.text())
def test_any_text_has_a_script(text: str) -> None:
    assert text_script(text)
