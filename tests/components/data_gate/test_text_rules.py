"""Descriptions that name the label, or that are ids, are found; honest ones are not."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.data_gate.options import LabelInTextRule, TextIsIdRule
from diptych.components.data_gate.split_rows import SplitRows
from diptych.components.data_gate.text_rules import check_label_in_text, check_text_is_id, split_words
from tests.components.data_gate.rows import make_rows


def splits(texts: Sequence[str], labels: Sequence[str] = ()) -> dict[str, SplitRows]:
    rows = make_rows(len(texts), texts=list(texts), labels=list(labels) or ["a"] * len(texts))
    return {"train": rows, "val": make_rows(0), "test": make_rows(0)}


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["A red Bicycle!", "two cups"], ["bicycle", "cups"]),
        (["a hot dog with mustard", "my dog"], ["hot_dog", "dog "]),
        (["CAFE\u0301 au lait", "thé"], ["caf\u00e9", "thé"]),
        (["我有一只猫。", "一条狗"], ["猫", "狗"]),
        (["一只猫", "一只猫头鹰"], ["猫", "猫头鹰"]),
        (["a cat", "a CAT", "dog", "dog"], ["Cat", "cat", "dog", "Dog"]),
    ],
)
def test_descriptions_that_name_their_label_are_found(texts: list[str], labels: list[str]) -> None:
    (finding,) = check_label_in_text(splits(texts * 3, labels * 3), LabelInTextRule())
    assert (finding.rule, finding.measured, finding.feature) == ("label_in_text", 1, "description")
    assert finding.ids[0] == "row-0"
    assert "in 100% of its" in finding.message


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        # Part of a word is not the word.
        (["a bicyclette", "cupboards"], ["bicycle", "cup"]),
        # All rows name it, so it tells nothing.
        (["a photo"] * 9 + ["a text"], ["a"] * 9 + ["b"]),
        # Each text names all labels.
        (["cat or dog", "cat or dog"], ["cat", "dog"]),
        # Only half of the texts name their label.
        (["a cat", "something", "a dog", "anything"], ["cat", "cat", "dog", "dog"]),
        (["+", "-"], ["+", "-"]),
    ],
)
def test_words_that_tell_little_are_no_finding(texts: list[str], labels: list[str]) -> None:
    assert list(check_label_in_text(splits(texts * 3, labels * 3), LabelInTextRule())) == []


def test_the_share_of_each_label_is_told() -> None:
    texts = ["a cat"] * 9 + ["x"] + ["a dog"] * 5 + ["y"] * 5
    (finding,) = check_label_in_text(splits(texts, ["cat"] * 10 + ["dog"] * 10), LabelInTextRule())
    assert finding.measured == 0.7
    assert "'cat' in 90% of its 10 rows, 'dog' in 50% of its 10 rows" in finding.message
    assert list(check_label_in_text(splits(texts, ["cat"] * 10 + ["dog"] * 10), LabelInTextRule(max=0.7))) == []


@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), max_size=12))
def test_any_texts_and_labels_are_taken(rows: list[tuple[str, str]]) -> None:
    data = splits([text for text, _ in rows], [label for _, label in rows])
    for finding in (*check_label_in_text(data, LabelInTextRule()), *check_text_is_id(data, TextIsIdRule())):
        assert finding.measured is not None and 0 < finding.measured <= 1


@given(st.text())
def test_words_do_not_depend_on_case(text: str) -> None:
    assert split_words(text) == split_words(text.casefold())


IDS = [
    [str(uuid.UUID(int=0xABCDEF12ABCDEF12ABCDEF12ABCDEF00 + n)) for n in range(12)],
    [f"IMG_{n:04d}" for n in range(12)],
    [f"{n:08d}" for n in range(12)],
    [f"{n}.50" for n in range(12)],
    [f"train/cat/{n}.jpg" for n in range(12)],
    [f"https://example.com/{n}" for n in range(12)],
    [f"{n:x}f0c2{n:x}9ab" for n in range(12)],
    [f"C:\\photos\\{n}.png" for n in range(12)],
    [f"row-{n}" for n in range(12)],
]


@pytest.mark.parametrize("texts", IDS, ids=[texts[0] for texts in IDS])
def test_ids_in_the_place_of_texts_are_found(texts: list[str]) -> None:
    (finding,) = check_text_is_id(splits(texts), TextIsIdRule())
    assert (finding.rule, finding.measured) == ("text_is_id", 1)
    assert repr(texts[0]) in finding.message
    assert "data.columns.description" in finding.message


@pytest.mark.parametrize(
    "texts",
    [
        ["grinning", "smiling", "winking", "tired", "sad", "happy"],
        ["A4", "A5", "B5", "A4", "A5", "B5"],
        ["404"] * 12,
        [f"size {n} of 12" for n in range(12)],
        [""] * 12,
        ["1 2", "2 3"],
        [f"a text about {n}" for n in range(7)] + [f"{n}" for n in range(5)],
    ],
)
def test_words_and_texts_are_no_ids(texts: list[str]) -> None:
    assert list(check_text_is_id(splits(texts), TextIsIdRule())) == []
