"""Dialects of tables: what the settings say is read so, and wrong settings are refused with the likely ones."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from diptych.components.catalogue.options import DataOptions, TableOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.delimited import CsvReader
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from tests.components.catalogue.readers.source_reading import read_source

NUMBERED = {"image": "1", "description": "2", "label": "3"}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def rows_of(folder: Path, content: str, name: str = "rows.csv", **options: Any) -> list[Row]:
    path = folder / name
    encoded = content.encode(options.get("encoding", "utf-8"))
    path.write_bytes(gzip.compress(encoded) if name.endswith(".gz") else encoded)
    return read_source(CsvReader(), path, **options)


def texts(found: list[Row]) -> list[tuple[str, ...]]:
    return [(row.image, row.description, *row.labels) for row in found]


@pytest.mark.parametrize(("name", "encoding"), [("r.csv", "utf-8-sig"), ("r.csv.gz", "utf-8"), ("r.csv", "utf-16")])
def test_what_is_no_row_is_left_out_wherever_chunks_begin(tmp_path: Path, name: str, encoding: str) -> None:
    content = (
        "sep=;\r\nA title; of two\r\n#c\r\n\r\nimage;description;label\r\n"
        '1.png;"two\r\n# lines";c\r\n# "a comment\r\n2.png;t;c\r\n\r\n3.png;u;d\r\n#\r\n4.png;v;d'
    )
    found = rows_of(tmp_path, content, name, encoding=encoding, table={"skip_lines": 2, "comment": "#"})
    assert texts(found) == [
        ("1.png", "two\r\n# lines", "c"),
        ("2.png", "t", "c"),
        ("3.png", "u", "d"),
        ("4.png", "v", "d"),
    ]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_without_a_header_columns_are_numbers(tmp_path: Path, mark: str) -> None:
    content = mark + "a.png,t,c\nb.png,u,d\nc.png,v\nd.png,w,e\n"
    found = rows_of(tmp_path, content, table={"header": False}, columns=NUMBERED)
    assert texts(found[:2]) == [("a.png", "t", "c"), ("b.png", "u", "d")]
    assert found[2].problem == ("malformed_row", "2 fields where most rows have 3")
    assert texts(found[3:]) == [("d.png", "w", "e")]


def test_a_broken_first_row_does_not_say_how_many_columns_there_are(tmp_path: Path) -> None:
    content = "a.png,t, of two,c\nb.png,u,d\nc.png,v,e\n"
    broken, *found = rows_of(tmp_path, content, table={"header": False}, columns=NUMBERED)
    assert broken.problem == ("malformed_row", "4 fields where most rows have 3")
    assert texts(found) == [("b.png", "u", "d"), ("c.png", "v", "e")]


def test_a_separator_line_counts_as_a_skipped_one_and_must_not_contradict(tmp_path: Path) -> None:
    content = "sep=;\nimage;description;label\na.png;t;c\n"
    for table in ({}, {"delimiter": ";"}, {"skip_lines": 1}):
        assert texts(rows_of(tmp_path, content, table=table)) == [("a.png", "t", "c")]
    with pytest.raises(CatalogueError, match=r"data\.table\.delimiter: ',', but the first line .* says 'sep=;'"):
        rows_of(tmp_path, content, table={"delimiter": ","})


def test_the_last_field_may_be_the_rest_of_the_line(tmp_path: Path) -> None:
    content = 'image,label,description\na.png,c,one, "two", three\nb.png,d,"four\nc.png,d\n'
    table = {"quote": "", "last_field": "rest"}
    *found, short = rows_of(tmp_path, content, table=table)
    assert texts(found) == [("a.png", 'one, "two", three', "c"), ("b.png", '"four', "d")]
    assert short.problem == ("malformed_row", "2 fields where the header names 3")
    headless = content.partition("\n")[2]
    columns = {"image": "1", "label": "2", "description": "2"}
    found = rows_of(tmp_path, headless, table={**table, "header": False}, columns=columns)
    assert [row.labels for row in found] == [('c,one, "two", three',), ('d,"four',), ("d",)]


def test_a_header_may_lack_a_name(tmp_path: Path) -> None:
    first = rows_of(tmp_path, "image,description,label\n1,a.png,t,c\n", table={"unnamed_field": "first"})
    assert texts(first) == [("a.png", "t", "c")]
    content = "image,description,label\na.png,t,c,\nb.png,t, of two,c\n"
    good, shifted = rows_of(tmp_path, content, table={"unnamed_field": "last"})
    assert texts([good]) == [("a.png", "t", "c")]
    assert shifted.problem is not None
    assert "data.table.unnamed_field" in shifted.problem[1]


def test_spaces_after_delimiters_may_be_none_of_the_fields(tmp_path: Path) -> None:
    content = 'image| description| label\na.png| "t| u"| c\n'
    (row,) = rows_of(tmp_path, content, table={"delimiter": "|", "skip_initial_space": True})
    assert texts([row]) == [("a.png", "t| u", "c")]


def test_spaces_in_a_last_field_that_is_the_rest_of_the_line_are_its_own(tmp_path: Path) -> None:
    table = {"quote": "", "last_field": "rest", "skip_initial_space": True}
    (row,) = rows_of(tmp_path, "image, label, description\na.png, c, one, two\n", table=table)
    assert texts([row]) == [("a.png", "one, two", "c")]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("image;description;label\na.png;t;c\n", {}, r"no column 'image'.*say data\.table\.delimiter: ';'"),
        ("image\tdescription\tlabel\na\tt\tc\n", {}, r"say data\.table\.delimiter: \"\\t\""),
        ("image description label\n", {}, r"data\.table\.delimiter says how lines are parted, data\.table\.skip_lines"),
        ("a.png,t,c\nb.png,u,d\n", {}, r"say data\.table\.header: false and name columns by their numbers"),
        ("photo;text;class\n", {}, r"no column 'image'.*say data\.table\.delimiter: ';'"),
        ("a,t,c\nb,u,d\n", {"columns": NUMBERED}, r"say data\.table\.header: false"),
        (
            "a.png,t,c\nb.png,u,d\n",
            {"columns": {"image": "a.png", "description": "t", "label": "c"}},
            r"data\.columns\.image: 'a\.png' is a path, .*say data\.table\.header: false",
        ),
        ("a.png,t,c\n", {"table": {"header": False}}, r"no column 'image'.*data\.table\.header is false"),
        ('image,description,label\na.png,"t,c\n', {}, r"opened in line 2 or after is never closed.*data\.table\.quote"),
    ],
)
def test_wrong_settings_are_refused_with_the_likely_ones(
    tmp_path: Path, content: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CatalogueError, match=message):
        rows_of(tmp_path, content, **options)


@pytest.mark.parametrize(
    "table",
    [
        {"delimiter": '"'},
        {"delimiter": "\n"},
        {"escape": ";", "delimiter": ";"},
        {"last_field": "rest"},
        {"unnamed_field": "first", "header": False},
    ],
)
def test_settings_that_contradict_each_other_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TableOptions(**table)


def test_a_column_without_a_name_is_not_offered(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(",image\n0,a.png\n")
    assert list(CsvReader().sample(str(path), DataOptions(catalogue=str(path)))) == [{"image": "a.png"}]
