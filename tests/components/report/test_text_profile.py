"""Descriptions are profiled by split and by label."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.report.text_profile import length_histograms, profile_texts, script_shares
from diptych.models.text.options import TextOptions

TEXTS = {"train": ["red bike", "red cup", "red bike", ""], "val": ["blue bike"], "test": []}
LABELS = {"train": [("bike",), ("cup",), ("bike",), ("cup",)], "val": [("bike",)], "test": []}


def test_texts_are_counted_by_split_and_label() -> None:
    found = profile_texts(TEXTS, LABELS, TextOptions(), ())
    assert found.terms["train"] == {"red": 3, "bike": 2, "cup": 1}
    assert found.unknown_share == {"train": 0.0, "val": 0.5}
    assert found.empty == {"train": 1, "val": 0, "test": 0}
    assert found.repeated == {"red bike": 2}
    assert {label: next(iter(terms)) for label, terms in found.terms_by_label.items()} == {
        "bike": "bike",
        "cup": "cup",
    }


def test_what_the_model_knows_is_the_vocabulary() -> None:
    assert profile_texts(TEXTS, LABELS, TextOptions(), ["bike"]).unknown_share == {
        "train": pytest.approx(4 / 6),
        "val": 0.5,
    }


def test_terms_are_those_of_the_options() -> None:
    options = TextOptions(ngrams=(2, 2))
    assert profile_texts(TEXTS, LABELS, options, ()).terms["train"] == {"red bike": 2, "red cup": 1}


def test_only_letters_have_a_script() -> None:
    assert script_shares(["ab1 2 ж!", "ж"]) == {"Latin": 0.5, "Cyrillic": 0.5}
    assert script_shares(["12", ""]) == {}


@given(st.lists(st.text(), max_size=30))
def test_any_text_can_be_described(texts: list[str]) -> None:
    found = profile_texts({"train": texts}, {"train": [("a",)] * len(texts)}, TextOptions(), ())
    assert sum(bucket.count for bucket in found.lengths.get("train", ())) == len(texts)
    assert sum(found.scripts["train"].values()) == pytest.approx(1 if any(map(str.isalpha, "".join(texts))) else 0)


def test_one_very_long_text_leaves_the_others_their_place() -> None:
    found = length_histograms({"train": np.array([10] * 500 + [100_000])})["train"]
    assert found[-1].high == 10
    assert sum(bucket.count for bucket in found) == 501
