"""What the report says of descriptions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.report.texts import length_histograms, script, script_shares, text_facts
from diptych.models.text.options import TextOptions

TEXTS = {"train": ["red bike", "red cup", "red bike", ""], "val": ["blue bike"], "test": []}
LABELS = {"train": [("bike",), ("cup",), ("bike",), ("cup",)], "val": [("bike",)], "test": []}


def test_texts_are_counted_by_split_and_label() -> None:
    found = text_facts(TEXTS, LABELS, TextOptions(), ())
    assert found.tokens["train"] == {"red": 3, "bike": 2, "cup": 1}
    assert found.unknown == {"train": 0.0, "val": 0.5}
    assert found.empty == {"train": 1, "val": 0, "test": 0}
    assert found.repeated == {"red bike": 2}
    assert {label: next(iter(terms)) for label, terms in found.tokens_by_label.items()} == {
        "bike": "bike",
        "cup": "cup",
    }


def test_what_the_model_knows_is_the_vocabulary() -> None:
    assert text_facts(TEXTS, LABELS, TextOptions(), ["bike"]).unknown == {"train": pytest.approx(4 / 6), "val": 0.5}


def test_terms_are_those_of_the_options() -> None:
    options = TextOptions(ngrams=(2, 2))
    assert text_facts(TEXTS, LABELS, options, ()).tokens["train"] == {"red bike": 2, "red cup": 1}


@pytest.mark.parametrize(
    ("letter", "name"),
    [("a", "Latin"), ("é", "Latin"), ("ж", "Cyrillic"), ("漢", "Cjk"), ("ひ", "Hiragana"), ("\U000e0fff", "Unnamed")],
)
def test_scripts_are_named_as_unicode_names_letters(letter: str, name: str) -> None:
    assert script(letter) == name


def test_only_letters_have_a_script() -> None:
    assert script_shares(["ab1 2 ж!", "ж"]) == {"Latin": 0.5, "Cyrillic": 0.5}
    assert script_shares(["12", ""]) == {}


@given(st.lists(st.text(), max_size=30))
def test_any_text_can_be_described(texts: list[str]) -> None:
    found = text_facts({"train": texts}, {"train": [("a",)] * len(texts)}, TextOptions(), ())
    assert sum(bucket.count for bucket in found.lengths.get("train", ())) == len(texts)
    assert sum(found.scripts["train"].values()) == pytest.approx(1 if any(map(str.isalpha, "".join(texts))) else 0)


def test_one_very_long_text_leaves_the_others_their_place() -> None:
    found = length_histograms({"train": np.array([10] * 500 + [100_000])})["train"]
    assert found[-1].high == 10
    assert sum(bucket.count for bucket in found) == 501
