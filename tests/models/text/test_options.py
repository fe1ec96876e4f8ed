"""Text options that contradict each other are refused with a message that names key, value and remedy."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from diptych.models.text.options import TextOptions


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ngrams": (0, 1)}, r"ngrams are \[shortest, longest\].*not \[0, 1\]"),
        ({"ngrams": (2, 1)}, "ngrams"),
        ({"ngrams": (1, 6)}, "longest <= 5 for analyzer 'word'"),
        ({"ngrams": (1, 9), "analyzer": "char"}, "longest <= 8 for analyzer 'char'"),
        ({"stop_words": ("a", "")}, "stop word is empty"),
        ({"stop_words": "english", "analyzer": "char_wb"}, "analyzer is 'char_wb': leave them out"),
        ({"token_pattern": r"\w+", "analyzer": "char"}, "token_pattern finds words"),
        ({"token_pattern": r"(?=a)"}, "supported are"),
        ({"min_df": 0}, "at least 1"),
        ({"min_df": 1.5}, r"between 0.0 and 1.0"),
        ({"max_df": -0.1}, r"between 0.0 and 1.0"),
        ({"min_df": True}, "min_df"),
        ({"min_df": 5, "max_df": 4}, "min_df 5 is greater than max_df 4"),
        ({"min_df": 0.5, "max_df": 0.4}, "greater"),
        ({"norm": None}, "belong to encoding tfidf, but encoding is 'counts'"),
        ({"smooth_idf": False, "encoding": "binary"}, "belong to encoding tfidf"),
        ({"length": 10}, "length 10 belongs to encoding sequence"),
        ({"encoding": "sequence", "ngrams": (1, 2)}, "no one order in a sequence"),
        ({"encoding": "tfidf", "oov": "bucket"}, "set oov to drop"),
        ({"max_features": 0}, "max_features"),
    ],
)
def test_what_does_not_go_together_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TextOptions(**values)


def test_options_survive_json() -> None:
    options = TextOptions(encoding="tfidf", norm=None, min_df=0.25, max_df=0.75, stop_words=("a", "b"), ngrams=(1, 2))
    again = TextOptions.model_validate_json(options.model_dump_json())
    assert again == options
    assert isinstance(TextOptions.model_validate_json(TextOptions().model_dump_json()).max_df, float)


def test_stop_words_are_those_of_scikit_learn_or_ones_own() -> None:
    assert len(TextOptions(stop_words="english").stop_word_list) == 318
    assert TextOptions(stop_words=("the", "a")).stop_word_list == ["a", "the"]
    assert TextOptions().stop_word_list == []
