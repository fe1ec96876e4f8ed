"""The linear baseline reads texts as the network's options say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from diptych.models.text.baseline import fit_baseline, score_labels
from diptych.models.text.options import TextOptions

TEXTS = ["Red apple", "red rose", "green leaf", "Green grass"]
LABELS = ["warm", "warm", "cold", "cold"]


def terms(**options: object) -> set[str]:
    return set(fit_baseline(TEXTS, LABELS, TextOptions(**options))[0].get_feature_names_out())


def test_it_learns_what_words_tell() -> None:
    model = fit_baseline(TEXTS, LABELS, TextOptions())
    assert model.predict(["a red thing", "green"]).tolist() == ["warm", "cold"]


def test_every_text_option_is_heard() -> None:
    assert terms() == {"red", "apple", "rose", "green", "leaf", "grass"}
    assert terms(lowercase=False) >= {"Red", "red", "Green", "green"}
    assert terms(min_df=2) == {"red", "green"}
    assert terms(max_features=2) == {"red", "green"}
    assert terms(ngrams=(2, 2)) == {"red apple", "red rose", "green leaf", "green grass"}
    assert terms(stop_words=("red", "green")) == {"apple", "rose", "leaf", "grass"}
    assert terms(analyzer="char", ngrams=(5, 5), min_df=2) == {"green", "reen "}
    assert terms(token_pattern=r"\b[a-g]\w+\b", lowercase=False) == {"apple", "green", "grass"}


def test_no_term_left_is_an_error() -> None:
    with pytest.raises(ValueError, match="min_df"):
        fit_baseline(TEXTS, LABELS, TextOptions(min_df=4))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40))
def test_scores_are_plain_ones(answers: list[tuple[str, str]]) -> None:
    actual, predicted = zip(*answers, strict=True)
    assert score_labels(actual, predicted) == {
        "accuracy": pytest.approx(accuracy_score(actual, predicted)),
        "macro_f1": pytest.approx(f1_score(actual, predicted, average="macro", zero_division=0)),
    }


LABEL_SETS = [("warm", "fruit"), ("warm",), ("cold",), ("cold", "wide")]


def test_of_several_labels_it_learns_each() -> None:
    texts, labels = TEXTS * 3, LABEL_SETS * 3
    model = fit_baseline(texts, labels, TextOptions(encoding="tfidf"), "multilabel")
    assert model.predict(["red apple", "green"]).tolist() == [("fruit", "warm"), ("cold",)]


def test_a_row_may_have_no_label() -> None:
    model = fit_baseline(["aa", "bb", "cc"] * 3, [("a",), ("b",), ()] * 3, TextOptions(), "multilabel")
    assert model.predict(["cc"]).tolist() == [()]


def test_scores_of_several_labels_are_plain_ones() -> None:
    actual = [("a", "b"), ("c",), ("a",), ()]
    predicted = [("a", "b"), ("a",), (), ()]
    # a: F1 of 1 right, 1 wrong, 1 missed; b: 1; c: 0. In all 2 right, 1 wrong, 2 missed.
    assert score_labels(actual, predicted, "multilabel") == {
        "accuracy": pytest.approx(2 / 4),
        "macro_f1": pytest.approx((1 / 2 + 1 + 0) / 3),
        "micro_f1": pytest.approx(4 / 7),
    }


def test_a_sequence_counts_as_the_counts_of_its_terms() -> None:
    counts, sequence = (fit_baseline(TEXTS, LABELS, TextOptions(encoding=name)) for name in ("counts", "sequence"))
    assert (counts[0].transform(TEXTS) != sequence[0].transform(TEXTS)).nnz == 0
