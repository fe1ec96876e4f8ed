"""JSON arrays are read item by item, however they are formatted."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import json_text, rows
from diptych.components.catalogue.readers.json_document import JsonReader
from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from tests.components.catalogue.readers.source_reading import read_source

DATA = DataOptions(catalogue="x")

GOOD = {"image": "a.png", "description": "t", "label": "c"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def rows_of(folder: Path, text: str, **options: Any) -> list[Row]:
    path = folder / "rows.json"
    path.write_bytes(text.encode(options.get("encoding", "utf-8"), "surrogateescape"))
    return read_source(JsonReader(), path, **options)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_items_become_rows_however_they_are_written(tmp_path: Path, indent: int | None, encoding: str) -> None:
    items = [{**GOOD, "description": f"caf\u00e9\n{number}", "more": [{}]} for number in range(5)]
    found = rows_of(tmp_path, json.dumps(items, indent=indent, ensure_ascii=False), encoding=encoding)
    assert [row.description for row in found] == [f"caf\u00e9\n{number}" for number in range(5)]


def test_numbers_and_nothing_read_as_in_json_lines(tmp_path: Path) -> None:
    text = '[{"image":"a.png","description":NaN,"label":7},{"image":"b.png","description":null,"label":7.50},{}]'
    first, second, third = rows_of(tmp_path, text)
    assert [(row.description, *row.labels) for row in (first, second, third)] == [("", "7"), ("", "7.5"), ("",)]


@pytest.mark.parametrize(
    ("item", "reason", "detail"),
    [
        ('["a.png"]', "malformed_row", "a JSON list where an object is needed"),
        ("7", "malformed_row", "a JSON int where an object is needed"),
        ("null", "malformed_row", "a JSON NoneType where an object is needed"),
        ('{"image": ["a.png", "b.png"]}', "several_images", "column 'image' holds 2 images"),
        (r'{"image": "\ud800"}', "bad_encoding", "column 'image' is not valid UTF-8"),
        ('{"image": "\udcff"}', "bad_encoding", "column 'image' is not valid UTF-8"),
    ],
)
def test_an_item_of_no_use_is_told_and_its_neighbours_stay(tmp_path: Path, item: str, reason: str, detail: str) -> None:
    good = json.dumps(GOOD)
    before, broken, after = rows_of(tmp_path, f"[{good}, {item}, {good}]")
    assert broken.problem == (reason, detail)
    assert (before.problem, after.problem, after.image) == (None, None, "a.png")


def test_nesting_at_the_interpreters_limit_is_refused_or_read(tmp_path: Path) -> None:
    for depth in range(900, 1000, 7):
        item = '{"image": "a.png", "label": "c", "description": ' + "[" * depth + "]" * depth + "}"
        try:
            (row,) = rows_of(tmp_path, f"[{item}]")
            assert row.problem is not None
        except CatalogueError as error:
            assert "nested too deeply" in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value, at character 1"),
        ("7", "holds no rows; it needs an array of objects"),
        ("[]", "is empty"),
        ("{}", "no column 'image'"),
        ('[{"image": "a.png"}', "',' is needed, at character 20"),
        ('[{"image": "a.png"} {}]', "',' is needed, at character 21"),
        ('[{"image": "a.png"},]', "a value is needed after the comma, at character 21"),
        ('[{"image": "a.png"}] x', "something follows its end, at character 22"),
        ('[{"image": "a.png}]', "Unterminated string starting at, at character 12"),
        ('[{"image" "a.png"}]', "':' delimiter, at character 11"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"image": "a.png"}]', "no column 'description'"),
    ],
)
def test_a_document_that_is_broken_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        rows_of(tmp_path, text)


def test_compressed_arrays_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.json.gz"
    path.write_bytes(gzip.compress(json.dumps([GOOD]).encode()))
    assert [row.image for row in read_source(JsonReader(), path)] == ["a.png"]


@given(st.lists(VALUES), st.integers(1, 40), st.sampled_from([None, 1]))
def test_items_are_what_json_says_wherever_blocks_end(values: list[Any], block: int, indent: int | None) -> None:
    text = json.dumps(values, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_BLOCK", block)
        assert list(JsonText(io.StringIO(text), "x", DATA).items()) == values


@given(st.dictionaries(st.text(), st.lists(VALUES) | st.integers() | st.text()), st.integers(1, 40))
def test_members_are_what_json_says_wherever_blocks_end(values: dict[str, Any], block: int) -> None:
    pairs = [(key, item) for key, value in values.items() for item in (value if isinstance(value, list) else [value])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_BLOCK", block)
        assert list(JsonText(io.StringIO(json.dumps(values)), "x", DATA).members()) == pairs


@given(VALUES, st.data())
def test_a_document_cut_anywhere_is_broken(value: Any, data: st.DataObject) -> None:
    text = json.dumps([value])
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CatalogueError, match="at character"):
        patch.setattr(json_text, "_BLOCK", 5)
        list(JsonText(io.StringIO(text[:cut]), "x", DATA).items())


def test_an_error_is_found_without_reading_on() -> None:
    text = io.StringIO("[{'image'}" + " " * 10_000_000)
    with pytest.raises(CatalogueError, match="double quotes, at character 3"):
        list(JsonText(text, "x", DATA).items())
    assert text.tell() < 1_000_000


def test_where_no_row_can_be_read_the_cause_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no row .* can be read; the last one: a JSON object in which a key comes"):
        rows_of(tmp_path, '[{"image": "a.png", "image": "b.png"}]')
