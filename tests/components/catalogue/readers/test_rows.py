"""Values of any type become a row, or a row with a problem."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    Row,
    check_columns,
    check_row_count,
    cut_chunks,
    make_row,
)
from diptych.components.catalogue.reasons import REASONS

DATA = DataOptions(catalogue="rows.csv")
SEPARATED = DataOptions(catalogue="rows.csv", label_separator=",")
WHOLE = Chunk(0, 1, 0, "rows.csv", 10, 10)


def row_of(**values: Any) -> Row:
    return make_row(1, {"image": "a.png", "description": "t", "label": "c", **values}, DATA)


def test_label_group_and_split_are_stripped_and_nothing_else_is() -> None:
    data = DataOptions(catalogue="x", columns={"id": "key", "split": "part"}, split_by="by")
    values = {"image": " a.png", "description": " t ", "label": " c ", "key": " 7 ", "by": " ann ", "part": " val "}
    assert make_row(3, values, data) == Row(3, " 7 ", " a.png", " t ", ("c",), "ann", "val")
    blank = make_row(3, {**values, "key": "", "by": "  ", "part": " "}, data)
    assert (blank.id, blank.group, blank.split) == (" a.png", None, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (7, "7"),
        (7.5, "7.5"),
        (7.0, "7"),
        (-1e300, "-1e+300"),
        (Decimal("7.50"), "7.50"),
        (True, "true"),
        (False, "false"),
        (b"caf\xc3\xa9", "caf\u00e9"),
    ],
)
def test_values_become_text(value: Any, text: str) -> None:
    assert row_of(label=value) == Row(1, "a.png", "a.png", "t", (text,) if text else ())


def test_a_missing_key_is_an_empty_text() -> None:
    assert make_row(1, {}, DATA) == Row(1)


@pytest.mark.parametrize(
    ("value", "image", "content"),
    [
        (b"PNG", "", b"PNG"),
        (b"", "", b""),
        ({"bytes": b"PNG", "path": "b.png"}, "b.png", b"PNG"),
        ({"bytes": None, "path": "b.png"}, "b.png", None),
        ({"bytes": b"PNG", "path": None}, "", b"PNG"),
        ({"path": "b.png"}, "b.png", None),
        (["b.png"], "b.png", None),
        ([{"bytes": b"PNG", "path": "b.png"}], "b.png", b"PNG"),
        ([], "", None),
        (None, "", None),
    ],
)
def test_an_image_is_a_path_or_bytes_or_both(value: Any, image: str, content: bytes | None) -> None:
    assert row_of(image=value) == Row(1, image, image, "t", ("c",), content=content)


def test_texts_that_stand_for_no_value_are_empty_wherever_they_stand() -> None:
    data = DataOptions(
        catalogue="x", columns={"description": "{title} ({meta.brand})", "id": "key"}, null_values=["NULL", "\\N"]
    )
    values = {"image": "a.png", "title": "a cup", "meta": {"brand": "NULL"}, "label": " \\N ", "key": "NULL"}
    assert make_row(1, values, data) == Row(1, "a.png", "a.png", "a cup", ())
    assert make_row(1, {**values, "label": "NULLs"}, data).labels == ("NULLs",)


def test_null_values_that_yaml_reads_as_others_are_texts() -> None:
    data = DataOptions(catalogue="x", null_values=[None, -1, "none"])
    assert data.null_values == ["NULL", "Null", "null", "-1", "none"]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"image": ["a.png", "b.png"]}, ("several_images", "column 'image' holds 2 images")),
        ({"image": [["a.png"]]}, ("malformed_row", "column 'image' holds a list; a text or number is needed")),
        ({"image": {"url": "a.png"}}, ("malformed_row", "column 'image' holds a dict; a path or bytes are needed")),
        ({"image": {"bytes": "PNG"}}, ("malformed_row", "column 'image' holds a dict; a path or bytes are needed")),
        ({"image": {"path": "\udcff"}}, ("bad_encoding", "column 'image' is not valid UTF-8")),
        ({"label": {}}, ("malformed_row", "column 'label' holds a dict; a text or number is needed")),
        ({"label": ["c", "d"]}, ("several_labels", "column 'label' holds a list of 2")),
        ({"description": "\ud800"}, ("bad_encoding", "column 'description' is not valid UTF-8")),
        ({"description": b"\xff"}, ("bad_encoding", "column 'description' is not valid UTF-8")),
    ],
)
def test_a_value_of_no_use_is_told_with_its_column(values: dict[str, Any], problem: tuple[str, str]) -> None:
    assert row_of(**values).problem == problem


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ("b, a", ("a", "b")),
        ("a,a,", ("a",)),
        ("a", ("a",)),
        (" , ", ()),
        ("", ()),
        (None, ()),
        (7, ("7",)),
        (b"b,a", ("a", "b")),
        (["b", " a ", "b"], ("a", "b")),
        (["a, b", "c"], ("a, b", "c")),
        (("b", 1), ("1", "b")),
        ([None, float("nan"), ""], ()),
        ([], ()),
    ],
)
def test_with_a_separator_there_may_be_several_labels(value: Any, labels: tuple[str, ...]) -> None:
    row = make_row(1, {"image": "a.png", "description": "t", "label": value}, SEPARATED)
    assert (row.labels, row.problem) == (labels, None)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([["a"]], ("malformed_row", "column 'label' holds a list; a text or number is needed")),
        (["a", {}], ("malformed_row", "column 'label' holds a dict; a text or number is needed")),
        ({}, ("malformed_row", "column 'label' holds a dict; a text or number is needed")),
        (["a", b"\xff"], ("bad_encoding", "column 'label' is not valid UTF-8")),
    ],
)
def test_a_list_of_labels_must_hold_texts(value: Any, problem: tuple[str, str]) -> None:
    row = make_row(1, {"image": "a.png", "description": "t", "label": value}, SEPARATED)
    assert (row.labels, row.problem) == ((), problem)


def test_a_row_with_a_problem_keeps_its_identity() -> None:
    row = row_of(label=[], image="b.png")
    assert (row.id, row.image) == ("b.png", "b.png")


@pytest.mark.parametrize("data", [DATA, SEPARATED], ids=["one label", "several"])
@given(
    values=st.dictionaries(
        st.sampled_from(["image", "description", "label"]),
        st.recursive(
            st.none() | st.text(st.characters()) | st.binary() | st.floats() | st.integers() | st.booleans(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["bytes", "path"]), inner),
            max_leaves=4,
        ),
    )
)
def test_whatever_the_values_there_is_a_row_of_good_text(data: DataOptions, values: dict[str, Any]) -> None:
    row = make_row(5, values, data)
    assert row.number == 5
    texts = row.id + row.image + row.description + "".join(row.labels)
    assert texts.encode().decode() == texts
    assert row.problem is None or row.problem[0] in REASONS


def test_a_missing_column_is_told_with_the_nearest() -> None:
    with pytest.raises(CatalogueError, match=r"data.columns.label: .*'x.csv' has no column 'label'.*mean 'labels'"):
        check_columns(["image", "description", "labels"], DATA, "x.csv")


def test_only_columns_that_are_read_must_be_unique() -> None:
    check_columns(["image", "description", "label", "", ""], DATA, "x.csv")
    with pytest.raises(CatalogueError, match="several columns named 'label'"):
        check_columns(["image", "description", "label", "label"], DATA, "x.csv")


@given(st.integers(0, 50), st.integers(1, 20))
def test_chunks_cover_every_row_once(count: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "ROWS_PER_CHUNK", size)
        chunks = list(cut_chunks(WHOLE, (10 + 3 * row for row in range(1, count + 1))))
    place, number = 10, 1
    for chunk in chunks:
        assert (chunk.start, chunk.first_row) == (place, number)
        assert chunk.stop - chunk.start == 3 * chunk.rows
        assert chunk.rows == size or chunk is chunks[-1]
        place, number = chunk.stop, number + chunk.rows
    assert number == count + 1


@pytest.mark.parametrize("count", [1, 3])
def test_a_chunk_that_changed_since_it_was_cut_is_told(count: int) -> None:
    chunk = Chunk(0, 1, 2, "rows.csv", 0, 0)
    assert len(list(check_row_count([Row(1), Row(2)], chunk))) == 2
    with pytest.raises(CatalogueError, match=f"changed while it was read: {count} rows? where there were 2"):
        list(check_row_count([Row(number) for number in range(count)], chunk))
