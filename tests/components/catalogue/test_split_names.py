"""Names of splits: which are understood, and which are no splits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.split_names import SPLIT_OF_WORD, split_of_cell, split_of_value, splits_of_paths

_WORDS = sorted(SPLIT_OF_WORD)
_SEPARATORS = ("", "-", "_", ".", " ")


def of_path(path: str) -> str | None:
    return splits_of_paths([path])[0]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.csv", "train"),
        ("data/train-00000-of-00001.parquet", "train"),
        ("data/test-00000-of-00001-3d1a0cc1a1cd6c15.parquet", "test"),
        ("name-validation.tfrecord-00000-of-00004", "val"),
        ("train-000000.tar", "train"),
        ("train_001.parquet", "train"),
        ("shop.valid.jsonl.gz", "val"),
        ("data/dev/0000.parquet", "val"),
        ("Test/data-00000-of-00001.arrow", "test"),
        ("instances_train2017.json", "train"),
        ("training_set/cats", "train"),
        ("hold-out.csv", "test"),
        ("v1-test/train.csv", "train"),
        ("TrainData/cats", "train"),
        ("testset.tsv", "test"),
        ("Tests/dogs", "test"),
        ("valimages/1.png", "val"),
        ("latest.csv", None),
        ("te.csv", None),
        ("trainers.csv", None),
        ("contest/rows.csv", None),
        ("train_test.csv", None),
        ("rows.csv", None),
    ],
)
def test_a_path_names_a_split_by_a_word_of_its_own(path: str, split: str | None) -> None:
    assert of_path(path) == split


def test_words_that_all_names_share_do_not_tell_splits_apart() -> None:
    assert splits_of_paths(["test_set-train.csv", "test_set-dev.csv"]) == ["train", "val"]
    assert splits_of_paths(["train-0.csv", "train-1.csv"]) == ["train", "train"]


@given(
    st.sampled_from(_WORDS),
    st.sampled_from(_SEPARATORS),
    st.integers(0, 99_999),
    st.sampled_from([str, str.upper, str.title]),
)
def test_case_and_number_do_not_matter(word: str, separator: str, number: int, spell: type[str]) -> None:
    split = SPLIT_OF_WORD[word]
    assert split_of_value(f"{spell(word)}{separator}{number}") == split
    assert of_path(f"{spell(word)}{separator}{number}.csv") == split
    assert of_path(f"data/{spell(word)}-{number:05d}-of-99999.parquet") == split


@pytest.mark.parametrize(
    ("text", "split"), [(" Dev ", "val"), ("test set", "test"), ("trainset", "train"), ("te", "test")]
)
def test_a_cell_may_have_a_word_more(text: str, split: str) -> None:
    assert split_of_value(text) == split


@pytest.mark.parametrize("text", ["", "0", "2", "fold 1", "all", "train val", "trains", "tested", "latest"])
def test_other_cells_mean_no_split(text: str) -> None:
    assert split_of_value(text) is None


@pytest.mark.parametrize(
    ("column", "text", "meant"),
    [
        ("is_valid", "True", "val"),
        ("is_valid", "0", "train"),
        ("isTest", "1.0", "test"),
        ("is_validation", "dev", "dev"),
        ("is_train", "1", "train"),
        ("is_training_image", "0", "test"),
        ("split", "1", "1"),
        ("is_red", "1", "1"),
        ("", "", ""),
    ],
)
def test_a_column_may_ask_whether_a_row_is_of_a_split(column: str, text: str, meant: str) -> None:
    assert split_of_cell(text, column) == meant


@given(st.text(max_size=30))
def test_any_text_is_a_split_or_none(text: str) -> None:
    assert split_of_value(text) in (None, "train", "val", "test")
    assert of_path(text) in (None, "train", "val", "test")
