"""Catalogues as people write them: every row comes out once, the broken ones with their problem."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.example_gen.catalogue import CatalogueError, Row, images_root, read_catalogue
from components.example_gen.options import DataOptions

HEADER = b"image,description,label\n"


def rows_of(path: Path, content: bytes | str, **options: Any) -> list[Row]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_catalogue(DataOptions(catalogue=str(path), **options)))


def rows_of_csv(folder: Path, content: bytes | str, **options: Any) -> list[Row]:
    return rows_of(folder / "rows.csv", content, **options)


def rows_of_jsonl(folder: Path, *lines: Any, **options: Any) -> list[Row]:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return rows_of(folder / "rows.jsonl", "\n".join(texts), **options)


def test_csv_row_becomes_a_row(tmp_path: Path) -> None:
    rows = rows_of_csv(tmp_path, "label,image,extra,description\n cat ,a.png,x, A cat. \n")
    assert rows == [Row(1, id="a.png", image="a.png", description=" A cat. ", label="cat")]


def test_columns_have_names_of_their_own(tmp_path: Path) -> None:
    columns = {"image": "file", "description": "text", "label": "class", "id": "key"}
    content = "key,file,text,class,by\n7,a.png,t,c, ann \n,b.png,t,c,  \n"
    first, second = rows_of_csv(tmp_path, content, columns=columns, split_by="by")
    assert (first.id, first.group) == ("7", "ann")
    assert (second.id, second.group) == ("b.png", None)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_byte_order_mark_and_line_endings_are_no_text(tmp_path: Path, ending: str) -> None:
    content = "\ufeff" + ending.join(["image,description,label", "a.png,t,c", "b.png,u,d"])
    assert [(row.image, row.label, row.problem) for row in rows_of_csv(tmp_path, content)] == [
        ("a.png", "c", None),
        ("b.png", "d", None),
    ]


def test_quotes_keep_newlines_commas_and_quotes(tmp_path: Path) -> None:
    (row,) = rows_of_csv(tmp_path, HEADER + b'a.png,"two\nlines, ""quoted""",c\n')
    assert row.description == 'two\nlines, "quoted"'


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert [row.number for row in rows_of_csv(tmp_path, HEADER + b"\na.png,t,c\n\n\nb.png,t,c\n\n")] == [1, 2]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"a.png,t", "2 fields where the header names 3"),
        (b"a.png,t,c,d", "4 fields where the header names 3"),
        (b"   ", "1 fields where the header names 3"),
        (b'a.png,"t"x,c', "line 3 is not CSV"),
        (b"a.png,caf\xe9,c", "column 'description' is not valid UTF-8"),
        (b"a\xff.png,t,c", "column 'image' is not valid UTF-8"),
    ],
)
def test_broken_csv_row_is_told_and_its_neighbours_stay(tmp_path: Path, line: bytes, problem: str) -> None:
    before, broken, after = rows_of_csv(tmp_path, HEADER + b"a.png,t,c\n" + line + b"\nb.png,t,c\n")
    assert problem in (broken.problem or "")
    assert (before.problem, after.problem, after.image) == (None, None, "b.png")
    assert [before.number, broken.number, after.number] == [1, 2, 3]


def test_bad_bytes_in_a_column_nobody_reads_do_no_harm(tmp_path: Path) -> None:
    (row,) = rows_of_csv(tmp_path, b"image,description,label,note\na.png,t,c,\xff\n")
    assert row.problem is None


def test_nul_becomes_the_replacement_character(tmp_path: Path) -> None:
    (row,) = rows_of_csv(tmp_path, HEADER + b"a\0.png,t\0,c\n")
    assert (row.image, row.description) == ("a\ufffd.png", "t\ufffd")


def test_a_field_may_be_long(tmp_path: Path) -> None:
    text = "x" * 200_000
    (row,) = rows_of_csv(tmp_path, HEADER + f"a.png,{text},c\n".encode())
    assert row.description == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"image,label\n", "no column 'description'.*its columns are image, label"),
        (b"image,descriptions,label\n", "did you mean 'descriptions'"),
        (b"image,image,description,label\n", r"\['image'\] twice"),
        (HEADER + b'a.png,t,c\nb.png,"never closed,c\nc.png,t,c\n', "quote opened in line 3 or after"),
        (b'image,"description"x,label\n', "first line .* is not CSV"),
        (b'image,"description,label\n', "first line .* is not CSV"),
        ("image,description,label\n".encode("utf-16"), "no column 'image'"),
    ],
)
def test_a_csv_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(CatalogueError, match=message) as raised:
        rows_of_csv(tmp_path, content)
    assert str(raised.value).encode()


def test_json_values_become_text_and_missing_ones_empty(tmp_path: Path) -> None:
    first, second, third = rows_of_jsonl(
        tmp_path,
        {"image": "a.png", "description": "t", "label": 7},
        {"image": "b.png", "description": None, "label": True},
        '{"image": "c.png", "label": NaN}',
    )
    assert (first.label, second.label, third.label) == ("7", "True", "")
    assert (second.description, third.description) == ("", "")


def test_blank_json_lines_are_no_rows(tmp_path: Path) -> None:
    line = {"image": "a.png", "description": "t", "label": "c"}
    assert [row.number for row in rows_of_jsonl(tmp_path, "", line, "  ", line, "")] == [1, 2]


def test_unicode_separators_end_no_json_line(tmp_path: Path) -> None:
    line = json.dumps({"image": "a.png", "description": "one\u2028two\x85three", "label": "c"}, ensure_ascii=False)
    (row,) = rows_of_jsonl(tmp_path, line)
    assert row.description == "one\u2028two\x85three"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"image": ', "not JSON"),
        ('["a.png"]', "a JSON list where an object is needed"),
        ("7", "a JSON int where an object is needed"),
        ('{"image": ["a.png"]}', "column 'image' holds a list"),
        ('{"image": "a.png", "label": {}}', "column 'label' holds a dict"),
        (r'{"image": "a.png", "description": "\ud800"}', "column 'description' is not valid UTF-8"),
        ('{"label": ' + "9" * 5000 + "}", None if os.sys.version_info < (3, 10, 7) else "not readable JSON"),
        ("[" * 100_000, "not readable JSON"),
    ],
)
def test_broken_json_line_is_told_and_its_neighbours_stay(tmp_path: Path, line: str, problem: str | None) -> None:
    good = {"image": "a.png", "description": "t", "label": "c"}
    before, broken, after = rows_of_jsonl(tmp_path, good, line, good)
    assert (problem or "") in (broken.problem or "")
    assert (before.problem, after.problem) == (None, None)


def test_a_column_that_no_json_line_has_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="did you mean 'caption'"):
        rows_of_jsonl(tmp_path, {"image": "a.png", "caption": "t", "label": "c"}, columns={"description": "captions"})


def test_a_key_that_some_json_lines_lack_is_no_missing_column(tmp_path: Path) -> None:
    rows = rows_of_jsonl(tmp_path, {"image": "a.png", "description": "t"}, {"label": "c"})
    assert [row.label for row in rows] == ["", "c"]


def test_an_empty_jsonl_says_so(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="is empty"):
        rows_of_jsonl(tmp_path, "", " ")


def test_an_unknown_ending_names_the_readable_ones(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"'.xlsx'; readable are .csv, .jsonl"):
        rows_of(tmp_path / "rows.xlsx", b"")


def test_no_file_no_folder_no_pipe(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    wanted = {"absent.csv": "there is no file", "folder.csv": "Is a directory", "pipe.csv": "Not a regular file"}
    for name, message in wanted.items():
        with pytest.raises(CatalogueError, match=message):
            list(read_catalogue(DataOptions(catalogue=str(tmp_path / name))))


def test_images_lie_beside_the_catalogue_unless_told_otherwise() -> None:
    assert images_root(DataOptions(catalogue="data/rows.csv")) == "data"
    assert images_root(DataOptions(catalogue="rows.csv")) == "."
    assert images_root(DataOptions(catalogue="gs://bucket/data/rows.csv")) == "gs://bucket/data"
    assert images_root(DataOptions(catalogue="data/rows.csv", images_root="images")) == "data/images"
    assert images_root(DataOptions(catalogue="data/rows.csv", images_root="/images")) == "/images"
    assert images_root(DataOptions(catalogue="data/rows.csv", images_root="gs://b/images")) == "gs://b/images"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=8))
def test_any_text_survives_csv_and_json_lines(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("catalogue")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["image", "description", "label"])
    writer.writerows(["a.png", text, "c"] for text in texts)
    assert [row.description for row in rows_of_csv(folder, buffer.getvalue())] == texts
    lines = [{"image": "a.png", "description": text, "label": "c"} for text in texts]
    assert [row.description for row in rows_of_jsonl(folder, *lines)] == texts
