"""Sets of characters are those that the running Python matches, also in RE2."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

from diptych.models.text.python_characters import CODE_POINTS, characters_matching, re2_character_class

EVERY = [chr(code) for code in range(CODE_POINTS) if not 0xD800 <= code < 0xE000]


@pytest.mark.parametrize("pattern", [r"\w", r"\W", r"\d", r"\s"])
def test_a_class_in_re2_matches_the_characters_that_it_matches_in_python(pattern: str) -> None:
    found = tf.strings.regex_full_match(tf.constant(EVERY), re2_character_class(characters_matching(pattern))).numpy()
    assert np.array_equal(found, [re.fullmatch(pattern, character) is not None for character in EVERY])


def test_a_class_without_characters_matches_none() -> None:
    nothing = re2_character_class(np.zeros(CODE_POINTS, np.bool_))
    assert not tf.strings.regex_full_match(tf.constant(["", "a", "\U0010ffff"]), nothing).numpy().any()
