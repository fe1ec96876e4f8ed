"""CSV and TSV files: every row is read once, a broken one with its problem."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.delimited import CsvReader, TsvReader
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from tests.components.catalogue.readers.source_reading import cut_source, read_source

HEADER = b"image,description,label\n"


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def rows_of(folder: Path, content: bytes | str, **options: Any) -> list[Row]:
    path = folder / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_source(CsvReader(), path, **options)


def test_a_record_becomes_a_row(tmp_path: Path) -> None:
    found = rows_of(tmp_path, "label,image,extra,description\n cat ,a.png,x, A cat. \n")
    assert found == [Row(1, id="a.png", image="a.png", description=" A cat. ", labels=("cat",))]


def test_columns_have_names_of_their_own(tmp_path: Path) -> None:
    columns = {"image": "file", "description": "text", "label": "class", "id": "key", "split": "part"}
    content = "key,file,text,class,by,part\n7,a.png,t,c, ann ,val\n,b.png,t,c,  ,\n"
    first, second = rows_of(tmp_path, content, columns=columns, split_by="by")
    assert (first.id, first.group, first.split) == ("7", "ann", "val")
    assert (second.id, second.group, second.split) == ("b.png", None, None)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_byte_order_mark_and_line_endings_are_no_text(tmp_path: Path, mark: str, ending: str) -> None:
    lines = ["image,description,label", "a.png,t,c", "b.png,u,d", "\ufeffc.png,v,e"]
    assert [(row.image, *row.labels, row.problem) for row in rows_of(tmp_path, mark + ending.join(lines))] == [
        ("a.png", "c", None),
        ("b.png", "d", None),
        ("\ufeffc.png", "e", None),
    ]


def test_quotes_keep_line_ends_commas_and_quotes(tmp_path: Path) -> None:
    text = 'two\nlines\r\nor\rfour, "quoted"\u2028'
    quoted = text.replace('"', '""')
    first, second = rows_of(tmp_path, HEADER.decode() + f'a.png,"{quoted}",c\nb.png,"{quoted}",d')
    assert (first.description, second.description, second.labels) == (text, text, ("d",))


def test_tsv_has_tabs(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text('image\tdescription\tlabel\na.png\t"a\tb, c\nd"\tc\n')
    (row,) = read_source(TsvReader(), path)
    assert (row.image, row.description) == ("a.png", "a\tb, c\nd")


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert len(rows_of(tmp_path, HEADER + b"\n\r\na.png,t,c\n\n\nb.png,t,c\n\nc.png,t,c\n\n")) == 3


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(tmp_path, HEADER) == []


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"a.png,t", "malformed_row", "2 fields where the header names 3"),
        (b"a.png,t,c,d", "malformed_row", "4 fields where the header names 3"),
        (b"   ", "malformed_row", "1 fields where the header names 3"),
        (b'a.png,"t"x,c', "malformed_row", "not CSV: ',' expected after"),
        (b'a.png,"t\n"x,c', "malformed_row", "not CSV: ',' expected after '\"', in a row of 2 lines"),
        (b"a.png,caf\xe9,c", "bad_encoding", "column 'description' is not valid UTF-8"),
        (b"a\xff.png,t,c", "bad_encoding", "column 'image' is not valid UTF-8"),
        (b"a.png,\xed\xa0\x80,c", "bad_encoding", "column 'description' is not valid UTF-8"),
    ],
)
def test_a_broken_row_is_told_and_its_neighbours_stay(tmp_path: Path, line: bytes, reason: str, detail: str) -> None:
    before, broken, after, last = rows_of(tmp_path, HEADER + b"a.png,t,c\n" + line + b"\nb.png,t,c\nc.png,t,c\n")
    assert broken.problem is not None
    assert broken.problem[0] == reason
    assert detail in broken.problem[1]
    assert (before.problem, after.problem, after.image, last.image) == (None, None, "b.png", "c.png")


def test_bad_bytes_in_a_column_nobody_reads_do_no_harm(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, b"image,description,label,note\na.png,t,c,\xff\n")
    assert row.problem is None


def test_nul_becomes_the_replacement_character(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path, HEADER + b"a\0.png,t\0,c\nb.png,t,c\n")
    assert (first.image, first.description, second.image) == ("a\ufffd.png", "t\ufffd", "b.png")


def test_a_field_may_be_long(tmp_path: Path) -> None:
    text = "x" * 200_000
    (row,) = rows_of(tmp_path, HEADER + f"a.png,{text},c\n".encode())
    assert row.description == text


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "utf-7", "cp037"]
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_any_encoding_is_read_compressed_or_not(tmp_path: Path, encoding: str, name: str) -> None:
    content = (HEADER.decode() + 'a.png,caf\u00e9,c\nb.png,"two\nlines",\u00e9\nc.png,t,d\n').encode(encoding)
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    found = read_source(CsvReader(), path, encoding=encoding)
    assert [(row.image, row.description, *row.labels, row.problem) for row in found] == [
        ("a.png", "caf\u00e9", "c", None),
        ("b.png", "two\nlines", "\u00e9", None),
        ("c.png", "t", "d", None),
    ]


def test_utf_8_is_read_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(HEADER + b"a.png,t,c\n" * 5)
    chunks = cut_source(CsvReader(), path)
    assert [(chunk.start, chunk.stop, chunk.rows, chunk.spool) for chunk in chunks] == [
        (24, 44, 2, ""),
        (44, 64, 2, ""),
        (64, 74, 1, ""),
    ]


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [("cp1252", b"\x81"), ("ascii", b"\xc3\xa9"), ("shift_jis", b"\x80"), ("utf-16-le", b"\x00\xd8")],
)
def test_bytes_that_do_not_fit_the_encoding_reject_their_row(tmp_path: Path, encoding: str, bad: bytes) -> None:
    content = b"".join(
        part if part is bad else part.decode().encode(encoding) for part in (HEADER, b"a.png,", bad, b",c\nb.png,t,c\n")
    )
    broken, good = rows_of(tmp_path, content, encoding=encoding)
    assert broken.problem == ("bad_encoding", "column 'description' is not valid UTF-8")
    assert (good.image, good.problem) == ("b.png", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"image,label\n", "no column 'description'.*its columns are image, label"),
        (b"image,descriptions,label\n", "did you mean 'descriptions'"),
        (b"image,image,description,label\n", r"several columns named 'image'"),
        (HEADER + b'a.png,t,c\nb.png,"never closed,c\nc.png,t,c\n', "quote opened in line 3 or after"),
        (b'image,"description"x,label\n', "first line .* is not CSV"),
        (b'image,"description,label\n', "first line .* is not CSV"),
        ("image,description,label\n".encode("utf-16"), "no column 'image'"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(CatalogueError, match=message) as raised:
        rows_of(tmp_path, content)
    assert str(raised.value).encode()


def test_no_file_no_folder_no_pipe(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    wanted = {"absent.csv": "there is no file", "folder.csv": "is a directory", "pipe.csv": "not a regular file"}
    for name, message in wanted.items():
        with pytest.raises(CatalogueError, match=message):
            cut_source(CsvReader(), tmp_path / name)


@pytest.mark.parametrize(
    "content", [b"image,description,label\n", gzip.compress(HEADER)[:-4], gzip.compress(HEADER)[:20]]
)
def test_a_broken_gzip_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match="cannot be read"):
        cut_source(CsvReader(), path)


@pytest.mark.parametrize("encoding", ["hex", "idna", "undefined"])
def test_an_encoding_of_no_text_is_told(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(CatalogueError, match=r"data\.encoding"):
        rows_of(tmp_path, HEADER + b"a\xff.png,t,c\n", encoding=encoding)
