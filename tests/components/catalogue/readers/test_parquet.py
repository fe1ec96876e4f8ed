"""Parquet: paths or bytes of images, in row groups of any size."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.components.catalogue.readers import parquet, rows
from diptych.components.catalogue.readers.parquet import ParquetReader
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from tests.components.catalogue.readers.source_reading import cut_source, read_source


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 4)
    monkeypatch.setattr(parquet, "_ROWS_PER_BATCH", 2)


def table_of(count: int, **columns: Any) -> pa.Table:
    standard = {
        "image": [f"{number}.png" for number in range(count)],
        "description": [f"text {number}" for number in range(count)],
        "label": ["c"] * count,
    }
    return pa.table({**standard, **columns})


def rows_of(folder: Path, table: pa.Table, row_group_size: int = 3, **options: Any) -> list[Row]:
    pq.write_table(table, folder / "rows.parquet", row_group_size=row_group_size)
    return read_source(ParquetReader(), folder / "rows.parquet", **options)


@pytest.mark.parametrize("row_group_size", [1, 2, 3, 4, 5, 11])
def test_row_groups_of_any_size_give_the_same_rows(tmp_path: Path, row_group_size: int) -> None:
    found = rows_of(tmp_path, table_of(11), row_group_size)
    assert [row.description for row in found] == [f"text {number}" for number in range(11)]


def test_small_row_groups_share_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with pq.ParquetWriter(path, table_of(1).schema) as writer:
        for size in (1, 2, 1, 3, 8, 0, 2):
            writer.write_table(table_of(9).slice(0, size), row_group_size=10)
    assert [(chunk.rows, chunk.spool) for chunk in cut_source(ParquetReader(), path)] == [
        (4, ""),
        (3, ""),
        (8, ""),
        (2, ""),
    ]
    assert len(read_source(ParquetReader(), path)) == 17


def test_a_large_row_group_is_spooled_in_smaller_ones(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    times = pa.array(range(9), pa.timestamp("ns"))
    images = pa.array([{"bytes": b"PNG", "path": f"{number}.png"} for number in range(9)])
    labels = pa.array([b"good", b"\xff"] * 4 + [b"good"]).view(pa.string())
    table = table_of(9, description=times, image=images, label=labels, by=pa.array(["a"] * 9).dictionary_encode())
    pq.write_table(table, path, version="2.6")
    assert [chunk.rows for chunk in cut_source(ParquetReader(), path)] == [4, 4, 1]
    found = read_source(ParquetReader(), path, split_by="by")
    assert [row.description for row in found[:2]] == ["1970-01-01 00:00:00", "1970-01-01 00:00:00.000000001"]
    assert [(row.image, row.content, row.group) for row in found] == [
        (f"{number}.png", b"PNG", "a") for number in range(9)
    ]
    assert [row.problem is None for row in found] == [number % 2 == 0 for number in range(9)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([["2", "1"], ["3"]]),
        pa.array([["2", "1"], ["3"]], pa.large_list(pa.large_string())),
        pa.array([[2, 1], [3, 3]], pa.list_(pa.int8(), 2)),
    ],
)
def test_a_list_of_labels_is_several(tmp_path: Path, column: Any) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(table_of(2, label=column), path)
    assert [row.labels for row in read_source(ParquetReader(), path, label_separator=",")] == [("1", "2"), ("3",)]


def test_a_table_without_rows_has_none(tmp_path: Path) -> None:
    assert rows_of(tmp_path, table_of(1).slice(0, 0)) == []


@pytest.mark.parametrize(
    ("column", "image", "content"),
    [
        (pa.array([b"PNG"]), "", b"PNG"),
        (pa.array([b"PNG"], pa.large_binary()), "", b"PNG"),
        (pa.array([b"PNG"], pa.binary(3)), "", b"PNG"),
        (pa.array([{"bytes": b"PNG", "path": "b.png"}]), "b.png", b"PNG"),
        (pa.array([{"bytes": None, "path": "b.png"}]), "b.png", None),
        (pa.array([["b.png"]]), "b.png", None),
        (pa.array(["b.png"], pa.large_string()), "b.png", None),
        (pa.array(["b.png"]).dictionary_encode(), "b.png", None),
        (pa.array([None], pa.string()), "", None),
        (pa.nulls(1), "", None),
    ],
)
def test_an_image_is_a_path_or_bytes_in_any_type(
    tmp_path: Path, column: Any, image: str, content: bytes | None
) -> None:
    (row,) = rows_of(tmp_path, table_of(1, image=column))
    assert row == Row(1, image, image, "text 0", ("c",), content=content)


@pytest.mark.parametrize(
    ("column", "label"),
    [
        (pa.array([7], pa.int8()), "7"),
        (pa.array([7.5]), "7.5"),
        (pa.array([float("nan")]), ""),
        (pa.array([True]), "true"),
        (pa.array([b"caf\xc3\xa9"]), "caf\u00e9"),
        (pa.array(["c"]).dictionary_encode(), "c"),
        (pa.array([datetime.date(2026, 11, 25)]), "2026-11-25"),
        (pa.array([1], pa.timestamp("us")), "1970-01-01 00:00:00.000001"),
    ],
)
def test_labels_of_any_type_become_text(tmp_path: Path, column: Any, label: str) -> None:
    (row,) = rows_of(tmp_path, table_of(1, label=column))
    assert ("".join(row.labels), row.problem) == (label, None)


def test_bad_text_rejects_its_row_alone(tmp_path: Path) -> None:
    bad = pa.array([b"good", b"\xff", b"caf\xc3\xa9"]).view(pa.string())
    first, second, third = rows_of(tmp_path, table_of(3, description=bad))
    assert second.problem == ("bad_encoding", "column 'description' is not valid UTF-8")
    assert (first.description, third.description) == ("good", "caf\u00e9")


def test_a_value_python_has_not_rejects_its_row_alone(tmp_path: Path) -> None:
    late = pa.array([0, 2**30, 1], pa.int32()).view(pa.date32())
    first, second, third = rows_of(tmp_path, table_of(3, label=late))
    assert second.problem is not None
    assert second.problem[0] == "malformed_row"
    assert "column 'label' cannot be read" in second.problem[1]
    assert (first.labels, third.labels) == (("1970-01-01",), ("1970-01-02",))


def test_several_images_are_refused(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, table_of(1, image=pa.array([["a.png", "b.png"]])))
    assert row.problem == ("several_images", "column 'image' holds 2 images")


def test_columns_nobody_reads_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(table_of(3, more=["m"] * 3), path)
    column = pq.read_metadata(path).row_group(0).column(3)
    assert column.path_in_schema == "more"
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset
    content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(content)
    assert len(read_source(ParquetReader(), path)) == 3
    with pytest.raises(CatalogueError, match="row group 1: "):
        read_source(ParquetReader(), path, split_by="more")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["image", "descriptions", "label"], "did you mean 'descriptions'"),
        (["image", "image", "description", "label"], "several columns named 'image'"),
    ],
)
def test_columns_are_checked(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        rows_of(tmp_path, pa.table([["x"]] * len(names), names))


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(table_of(2000), path)
    content = path.read_bytes()
    for broken in (b"", b"PAR1", b"image,label\n" * 9, content[:-40], content[:-1], content[10:]):
        path.write_bytes(broken)
        with pytest.raises(CatalogueError, match=r"rows\.parquet' cannot be read"):
            read_source(ParquetReader(), path)
    with pytest.raises(CatalogueError, match="there is no file"):
        cut_source(ParquetReader(), tmp_path / "absent.parquet")


def test_a_page_that_is_broken_is_told_by_who_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2000)
    path = tmp_path / "rows.parquet"
    pq.write_table(table_of(2000), path, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[100:400] = bytes(300)
    path.write_bytes(content)
    assert [chunk.rows for chunk in cut_source(ParquetReader(), path)] == [2000]
    with pytest.raises(CatalogueError, match="cannot be read"):
        read_source(ParquetReader(), path)
