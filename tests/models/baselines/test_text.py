"""The linear baseline reads texts as the network's options say."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.models.baselines.text import fit_text_baseline, fit_text_features
from diptych.models.errors import OptionsError
from diptych.models.text.options import TextOptions

TEXTS = ["Red apple", "red rose", "green leaf", "Green grass"]
LABELS = [("warm",), ("warm",), ("cold",), ("cold",)]


def terms(**options: object) -> set[str]:
    return set(fit_text_features(TEXTS, TextOptions(**options)).vectorizer.get_feature_names_out())


def test_it_learns_what_words_tell() -> None:
    model = fit_text_baseline(TEXTS, LABELS, TextOptions())
    assert model.predict(["a red thing", "green"]) == [("warm",), ("cold",)]


def test_every_text_option_is_heard() -> None:
    assert terms() == {"red", "apple", "rose", "green", "leaf", "grass"}
    assert terms(lowercase=False) >= {"Red", "red", "Green", "green"}
    assert terms(min_df=2) == {"red", "green"}
    assert terms(max_features=2) == {"red", "green"}
    assert terms(ngrams=(2, 2)) == {"red apple", "red rose", "green leaf", "green grass"}
    assert terms(stop_words=("red", "green")) == {"apple", "rose", "leaf", "grass"}
    assert terms(analyzer="char", ngrams=(5, 5), min_df=2) == {"green", "reen "}
    assert terms(token_pattern=r"\b[a-g]\w+\b", lowercase=False) == {"apple", "green", "grass"}


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (TEXTS, {"min_df": 4}, r"none of 6 terms is left in 4 descriptions of train: lower text.min_df \(4\)"),
        (TEXTS, {"max_df": 0.1}, r"none of 6 terms is left in 4 descriptions of train: raise text.max_df \(0.1\)"),
        (TEXTS, {"min_df": 0.6, "max_df": 1}, r"lower text.min_df \(0.6\), or raise text.max_df \(1\)"),
        (
            ["of the"] * 4,
            {"stop_words": "english"},
            "there is no term in 4 descriptions of train: leave words out of text.s",
        ),
        (["one"] * 4, {"ngrams": (2, 2)}, r"begin text.ngrams \(\[2, 2\]\) with 1"),
        (["one"] * 4, {"token_pattern": r"\b\d+\b"}, r"change text.token_pattern \(\\b\\d\+\\b\)"),
        (["a", "b", "?", "-"], {}, "set text.analyzer to char, .* or write descriptions with words"),
    ],
)
def test_no_term_left_names_the_settings_and_says_nothing_of_scikit_learn_s(
    texts: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionsError, match=message) as caught:
        fit_text_baseline(texts, LABELS, TextOptions(**options))
    assert not any(word in str(caught.value) for word in ("pruning", "stop words", "corresponds", "documents"))


LABEL_SETS = [("warm", "fruit"), ("warm",), ("cold",), ("cold", "wide")]


def test_of_several_labels_it_learns_each() -> None:
    texts, labels = TEXTS * 3, LABEL_SETS * 3
    model = fit_text_baseline(texts, labels, TextOptions(encoding="tfidf"), "multilabel")
    assert model.predict(["red apple", "green"]) == [("fruit", "warm"), ("cold",)]


def test_a_row_may_have_no_label() -> None:
    model = fit_text_baseline(["aa", "bb", "cc"] * 3, [("a",), ("b",), ()] * 3, TextOptions(), "multilabel")
    assert model.predict(["cc"]) == [()]


def test_a_sequence_counts_as_the_counts_of_its_terms() -> None:
    counts, sequence = (fit_text_features(TEXTS, TextOptions(encoding=name)) for name in ("counts", "sequence"))
    assert (counts.transform(TEXTS) != sequence.transform(TEXTS)).nnz == 0


@pytest.mark.parametrize("encoding", ["counts", "tfidf", "sequence"])
def test_an_empty_text_is_a_row_without_terms(encoding: object) -> None:
    model = fit_text_baseline(
        ["", *TEXTS * 4, " "], [("cold",), *LABELS * 4, ("cold",)], TextOptions(encoding=encoding)
    )
    assert model.features.transform([""]).nnz == 0
    assert model.predict(["", "red"]) == [("cold",), ("warm",)]
