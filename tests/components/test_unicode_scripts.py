"""Letters have the scripts that their Unicode names say."""

from __future__ import annotations

import pytest

from diptych.components.unicode_scripts import letter_script


@pytest.mark.parametrize(
    ("letter", "name"),
    [("a", "LATIN"), ("é", "LATIN"), ("ж", "CYRILLIC"), ("漢", "CJK"), ("ひ", "HIRAGANA"), ("\U000e0fff", "UNNAMED")],
)
def test_scripts_are_named_as_unicode_names_letters(letter: str, name: str) -> None:
    assert letter_script(letter) == name
