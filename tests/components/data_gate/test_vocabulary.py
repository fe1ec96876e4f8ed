"""More unknown words than expected are found with their rows."""

from __future__ import annotations

import pytest

from diptych.components.data_gate.options import (
    VocabularyRule,
)
from diptych.components.data_gate.vocabulary import build_vocabulary, check_vocabulary
from diptych.models.text.options import TextOptions
from tests.components.data_gate.rows import make_rows


def test_words_that_one_group_has_alone_are_expected_to_be_unknown() -> None:
    rows = make_rows(4, texts=["red cup", "red mug", "red jug", "jug"], groups=["1", "2", "3", "3"])
    vocabulary = build_vocabulary(rows, TextOptions())
    assert vocabulary.words == {"red", "cup", "mug", "jug"}
    # cup, mug and twice jug occur in one group only: four of seven words.
    assert vocabulary.singleton_share == pytest.approx(4 / 7)


def test_without_words_nothing_is_unknown() -> None:
    vocabulary = build_vocabulary(make_rows(3, texts=["...", "!", "?"]), TextOptions())
    assert vocabulary.singleton_share is None
    rows = {"val": make_rows(2, texts=["a word", "..."])}
    assert list(check_vocabulary(rows, vocabulary, vocabulary.singleton_share, VocabularyRule())) == []
    assert list(check_vocabulary({"val": make_rows(1, texts=["!"])}, vocabulary, 0.1, VocabularyRule())) == []


def test_unknown_words_are_told_with_the_rows_that_have_most() -> None:
    known = build_vocabulary(make_rows(3), TextOptions(ngrams=(1, 3), min_df=3))
    rows = make_rows(90, texts=["text text", "text zig", "zig zag"] * 30)
    (finding,) = check_vocabulary({"test": rows}, known, 0.1, VocabularyRule())
    assert finding.measured == 0.5
    assert finding.ids == tuple(f"row-{n}" for n in range(2, 60, 3))
    assert "50.0% of the words are unknown to 'train' (zig, zag), 10.0% were to be expected" in finding.message
