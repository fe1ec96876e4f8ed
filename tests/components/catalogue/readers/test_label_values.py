"""The labels of a row: one or several, in a text, a list or one-hot columns, by number or name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.delimited import CsvReader
from diptych.components.catalogue.readers.rows import Row, make_row
from tests.components.catalogue.readers.source_reading import read_source

NUMBERED = {"class_names": {0: "cat", 1: "dog", 2: "dog, big"}}


def row_of(label: Any, **options: Any) -> Row:
    return make_row(
        1, {"image": "a.png", "description": "t", "label": label}, DataOptions(catalogue="rows.csv", **options)
    )


def one_hot(values: dict[str, Any], **options: Any) -> Row:
    data = DataOptions(catalogue="rows.csv", columns={"label": ["cat", "dog"]}, **options)
    return make_row(1, {"image": "a.png", "description": "t", **values}, data)


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ('["b", "a"]', ("a", "b")),
        ("['b', 'a']", ("a", "b")),
        ("['b' 'a']", ("a", "b")),
        ("[]", ()),
        ("", ()),
        ("dog, big", ("dog, big",)),
        ("[2, 10]", ("10", "2")),
        (["b", "a"], ("a", "b")),
        ([1.0, None], ("1",)),
        (["a"], ("a",)),
    ],
)
def test_a_cell_may_hold_a_list(value: Any, labels: tuple[str, ...]) -> None:
    row = row_of(value, several_labels=True)
    assert (row.labels, row.problem) == (labels, None)


@pytest.mark.parametrize("value", [-1, -1.0, "-1", " -1 "])
def test_a_number_may_stand_for_no_label(value: Any) -> None:
    assert row_of(value, null_values=["-1"]).labels == ()
    assert one_hot({"cat": value, "dog": 1}, null_values=[-1]).labels == ("dog",)
    assert one_hot({"cat": value, "dog": 1}).problem is not None


@pytest.mark.parametrize("options", [{"several_labels": True}, {}])
@pytest.mark.parametrize("value", ["['a', 'b' 'c']", "['a' ... 'z']", "[['a']]", "[{'id': 1}]"])
def test_a_list_that_cannot_be_read_is_no_label(value: str, options: dict[str, Any]) -> None:
    problem = row_of(value, **options).problem
    assert problem is not None
    assert problem[0] == "malformed_row"
    assert value in problem[1]


def test_brackets_that_hold_no_list_are_refused_where_lists_are_expected() -> None:
    assert row_of("[cat, dog]", several_labels=True).problem == (
        "malformed_row",
        "column 'label' holds [cat, dog], which looks like a list, but no item begins at character 2",
    )
    assert row_of("[unknown]").labels == ("[unknown]",)
    assert row_of("[unknown]|cat", label_separator="|").labels == ("[unknown]", "cat")


@pytest.mark.parametrize("value", ['["b", "a"]', "['b' 'a']", "{'b', 'a'}", ["a", "b"], "[1, 2]"])
def test_a_list_is_no_class_of_its_own(value: Any) -> None:
    assert row_of(value).problem == ("several_labels", "column 'label' holds a list of 2")


@pytest.mark.parametrize(
    ("value", "labels"), [(["a"], ("a",)), ("['a']", ("a",)), ('["a", "a"]', ("a",)), ("[]", ()), ([], ())]
)
def test_a_list_of_one_label_is_that_label(value: Any, labels: tuple[str, ...]) -> None:
    row = row_of(value)
    assert (row.labels, row.problem) == (labels, None)


def test_a_class_that_looks_like_a_list_can_be_allowed() -> None:
    assert row_of("[1]", labels=["[1]", "[2]"]).labels == ("[1]",)
    assert row_of("[3]", labels=["[1]", "[2]"]).labels == ("3",)
    assert row_of("[1]", labels=["[1]"], several_labels=True).labels == ("[1]",)


def test_a_separator_parts_texts_and_leaves_lists_whole() -> None:
    assert row_of("['a, b', 'c']", label_separator=",").labels == ("a, b", "c")
    assert row_of("a, b", label_separator=",").labels == ("a", "b")


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ({"cat": 1, "dog": 0}, ("cat",)),
        ({"cat": "0", "dog": "1.0"}, ("dog",)),
        ({"cat": False, "dog": True}, ("dog",)),
        ({"cat": None, "dog": 1.0}, ("dog",)),
        ({"cat": "", "dog": "yes"}, ("dog",)),
        ({"cat": 0, "dog": 0}, ()),
        ({}, ()),
    ],
)
def test_one_hot_columns_name_the_class(values: dict[str, Any], labels: tuple[str, ...]) -> None:
    row = one_hot(values)
    assert (row.labels, row.problem) == (labels, None)


def test_several_ones_are_several_labels() -> None:
    both = {"cat": 1, "dog": 1}
    assert one_hot(both, several_labels=True).labels == ("cat", "dog")
    assert one_hot(both).problem == ("several_labels", "the one-hot columns hold a one in cat, dog")


def test_a_one_hot_column_holds_zeros_and_ones() -> None:
    assert one_hot({"cat": 2, "dog": 1}).problem == (
        "malformed_row",
        "column 'cat' holds '2'; a one-hot column holds 0 and 1",
    )


@pytest.mark.parametrize(
    ("value", "options", "labels"),
    [
        (1, {}, ("dog",)),
        (1.0, {}, ("dog",)),
        ("0", {}, ("cat",)),
        ("cat", {}, ("cat",)),
        (-1, {}, ()),
        (None, {}, ()),
        ([2, 0], {"several_labels": True}, ("cat", "dog, big")),
        ("2,0", {"label_separator": ","}, ("cat", "dog, big")),
    ],
)
def test_numbers_have_names(value: Any, options: dict[str, Any], labels: tuple[str, ...]) -> None:
    row = row_of(value, **NUMBERED, **options)
    assert (row.labels, row.problem) == (labels, None)


@pytest.mark.parametrize("value", [3, "bird", -2])
def test_a_number_without_a_name_is_refused(value: Any) -> None:
    assert row_of(value, **NUMBERED).problem == (
        "unknown_label",
        f"column 'label' holds '{value}', none of the 3 labels with names",
    )


def test_one_hot_columns_have_names() -> None:
    names = {"class_names": {"cat": "a cat", "dog": "a dog"}}
    assert one_hot({"cat": 0, "dog": 1}, **names).labels == ("a dog",)


@pytest.mark.parametrize(
    ("label", "labels", "expected"),
    [
        ("1.0", None, "1"),
        (" -1.0 ", None, "-1"),
        ("10.0", None, "10"),
        ("1.5", None, "1.5"),
        ("1.00", None, "1.00"),
        ("v1.0", None, "v1.0"),
        ("1.0", ["1.0", "1.5"], "1.0"),
    ],
)
def test_whole_floats_of_a_table_of_text_are_whole_numbers(
    tmp_path: Path, label: str, labels: list[str] | None, expected: str
) -> None:
    """pandas writes so a column of integers that lacks one."""
    path = tmp_path / "rows.csv"
    path.write_text(f"image,description,label\na.png,1.0,{label}\n")
    (row,) = read_source(CsvReader(), path, labels=labels)
    assert (row.labels, row.description) == ((expected,), "1.0")
