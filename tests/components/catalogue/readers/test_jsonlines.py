"""JSON Lines files: every row is read once, a broken one with its problem."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.jsonlines import JsonLinesReader
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from tests.components.catalogue.readers.source_reading import cut_source, read_source

GOOD = {"image": "a.png", "description": "t", "label": "c"}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def rows_of(folder: Path, *lines: Any, **options: Any) -> list[Row]:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path = folder / "rows.jsonl"
    path.write_bytes("\n".join(texts).encode(options.get("encoding", "utf-8"), "surrogateescape"))
    return read_source(JsonLinesReader(), path, **options)


def test_a_list_of_labels_is_several(tmp_path: Path) -> None:
    lines = ({"image": "a.png", "description": "t", "label": labels} for labels in (["b", "a", "b"], "c;a", []))
    found = rows_of(tmp_path, *lines, label_separator=";")
    assert [row.labels for row in found] == [("a", "b"), ("a", "c"), ()]


def test_values_become_text_and_missing_ones_empty(tmp_path: Path) -> None:
    first, second, third = rows_of(
        tmp_path,
        {"image": "a.png", "description": "t", "label": 7},
        {"image": "b.png", "description": None, "label": True},
        '{"image": "c.png", "label": NaN}',
    )
    assert (first.labels, second.labels, third.labels) == (("7",), ("true",), ())
    assert (second.description, third.description) == ("", "")


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert len(rows_of(tmp_path, "", GOOD, "  ", GOOD, "\r", GOOD, "")) == 3


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_byte_order_mark_and_line_endings_are_no_text(tmp_path: Path, mark: str, ending: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes((mark + ending.join([json.dumps(GOOD)] * 3)).encode())
    assert [row.problem for row in read_source(JsonLinesReader(), path)] == [None] * 3


def test_unicode_separators_end_no_line(tmp_path: Path) -> None:
    text = "one\u2028two\x85three\x1cfour"
    line = json.dumps({**GOOD, "description": "SEPARATED"}).replace("SEPARATED", text.replace("\x1c", "\\u001c"))
    (row,) = rows_of(tmp_path, line)
    assert row.description == text


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ('{"image": ', "malformed_row", "not JSON"),
        ('{"image": "a.png"} x', "malformed_row", "not JSON: Extra data at character 20"),
        ('["a.png"]', "malformed_row", "a JSON list where an object is needed"),
        ("7", "malformed_row", "a JSON int where an object is needed"),
        ('{"image": ["a.png", "b.png"]}', "several_images", "column 'image' holds 2 images"),
        ('{"image": "a.png", "label": {}}', "malformed_row", "column 'label' holds a dict"),
        (r'{"image": "a.png", "description": "\ud800"}', "bad_encoding", "column 'description' is not valid UTF-8"),
        ('{"image": "a.png", "description": "\udcff"}', "bad_encoding", "column 'description' is not valid UTF-8"),
        ("[" * 100_000, "malformed_row", "nested too deeply"),
    ],
)
def test_a_broken_line_is_told_and_its_neighbours_stay(tmp_path: Path, line: str, reason: str, detail: str) -> None:
    before, broken, after, last = rows_of(tmp_path, GOOD, line, GOOD, GOOD)
    assert broken.problem is not None
    assert broken.problem[0] == reason
    assert detail in broken.problem[1]
    assert (before.problem, after.problem, last.problem) == (None, None, None)


def test_a_number_may_be_long(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, '{"image": "a.png", "description": "t", "label": ' + "9" * 5000 + "}")
    assert row.labels == ("9" * 5000,)


def test_a_column_that_no_line_has_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="did you mean 'caption'"):
        rows_of(tmp_path, {"image": "a.png", "caption": "t", "label": "c"}, columns={"description": "captions"})


def test_a_key_that_some_lines_lack_is_no_missing_column(tmp_path: Path) -> None:
    found = rows_of(tmp_path, {"image": "a.png", "description": "t"}, "no JSON", {}, {"label": "c"})
    assert [row.labels for row in found] == [(), (), (), ("c",)]


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="is empty"):
        rows_of(tmp_path, "", " ")


def test_other_encodings_and_compressed_files_are_spooled(tmp_path: Path) -> None:
    line = json.dumps({**GOOD, "description": "caf\u00e9"}, ensure_ascii=False)
    assert [row.description for row in rows_of(tmp_path, line, line, line, encoding="utf-16")] == ["caf\u00e9"] * 3
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(f"{line}\n{line}".encode()))
    assert [row.description for row in read_source(JsonLinesReader(), path)] == ["caf\u00e9"] * 2
    assert {chunk.spool for chunk in cut_source(JsonLinesReader(), path)} == {f"{path}.spool"}


def test_where_no_line_is_an_object_the_cause_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no line .* can be read; the last one is not JSON: Extra data"):
        rows_of(tmp_path, '{"image": "a.png", "label": "c"},', '{"image": "b.png", "label": "c"},')


def test_a_key_that_comes_several_times_makes_a_reject(tmp_path: Path) -> None:
    twice = '{"image": "a.png", "description": "t", "label": "c", "label": "d"}'
    first, second = rows_of(tmp_path, twice, {"image": "b.png", "description": "t", "label": "c"})
    assert first.problem == ("malformed_row", "a JSON object in which a key comes several times")
    assert second.labels == ("c",)
