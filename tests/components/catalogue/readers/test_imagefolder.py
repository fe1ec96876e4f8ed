"""Hugging Face's imagefolder: metadata files in all the places and formats that it has."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.imagefolder import ImagefolderReader
from diptych.components.catalogue.readers.metadata_files import find_metadata
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from diptych.components.catalogue.storage import resolve_below
from tests.components.catalogue.readers.source_reading import read_source

Rows = Sequence[Mapping[str, Any]]


def _write_csv(path: Path, table: Rows) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def _write_jsonl(path: Path, table: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in table))


def _write_parquet(path: Path, table: Rows) -> None:
    pq.write_table(pa.Table.from_pylist(list(table)), path)


WRITERS: Mapping[str, Callable[[Path, Rows], None]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
TABLE = [{"file_name": f"{number}.png", "description": f"text {number}", "label": "c"} for number in range(5)]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def write(folder: Path, ending: str, table: Rows) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"metadata.{ending}"
    WRITERS[ending](path, table)
    return path


def rows_of(folder: Path, ending: str, table: Rows, **options: Any) -> list[Row]:
    return read_source(ImagefolderReader(), write(folder, ending, table), **options)


def rows_of_folder(folder: Path, **options: Any) -> list[tuple[str, Row]]:
    """Rows of the whole folder, each with the path of its image in it."""
    data = DataOptions(catalogue=str(folder), **options)
    catalogue = Catalogue.open(data)
    assert catalogue.kind == "imagefolder"
    images = ((resolve_below(catalogue.images_root(source), row.image), row) for source, row in catalogue.rows())
    return [(str(Path(image).relative_to(folder)), row) for image, row in images]


@pytest.mark.parametrize("ending", WRITERS)
def test_file_name_is_the_image(tmp_path: Path, ending: str) -> None:
    first, *_, last = rows_of(tmp_path, ending, TABLE)
    assert first == Row(1, id="0.png", image="0.png", description="text 0", labels=("c",))
    assert last.number == 5


@pytest.mark.parametrize("ending", WRITERS)
def test_each_folder_may_have_its_metadata(tmp_path: Path, ending: str) -> None:
    for folder in ("train", "validation"):
        write(tmp_path / "rows" / folder, ending, TABLE[:2])
    found = rows_of_folder(tmp_path / "rows", columns={"split": "split"})
    assert [(image, row.id, row.split) for image, row in found] == [
        ("train/0.png", "train/0.png", "train"),
        ("train/1.png", "train/1.png", "train"),
        ("validation/0.png", "validation/0.png", "validation"),
        ("validation/1.png", "validation/1.png", "validation"),
    ]


@pytest.mark.parametrize("ending", WRITERS)
def test_metadata_may_lie_at_any_depth(tmp_path: Path, ending: str) -> None:
    for folder in ("a/b/c", "a/d/e", "f"):
        write(tmp_path / "rows" / folder, ending, TABLE[:1])
    names = ["a/b/c/0.png", "a/d/e/0.png", "f/0.png"]
    assert [(image, row.id) for image, row in rows_of_folder(tmp_path / "rows")] == list(zip(names, names, strict=True))
    (tmp_path / "rows" / "f" / f"metadata.{ending}").unlink()
    assert [image for image, _ in rows_of_folder(tmp_path / "rows")] == names[:2]


def test_deep_metadata_that_names_no_image_makes_no_imagefolder(tmp_path: Path) -> None:
    write(tmp_path / "cat" / "extra" / "more", "csv", [{"camera": "x"}])
    (tmp_path / "cat" / "1.png").write_bytes(b"")
    assert Catalogue.open(DataOptions(catalogue=str(tmp_path))).kind == "folder"


def test_hidden_folders_and_circles_of_links_are_passed_by(tmp_path: Path) -> None:
    write(tmp_path / "rows" / ".cache" / "x", "csv", TABLE[:1])
    write(tmp_path / "rows" / "a" / "b", "csv", TABLE[:1])
    (tmp_path / "rows" / "a" / "b" / "up").symlink_to(tmp_path / "rows" / "a")
    data = DataOptions(catalogue=str(tmp_path / "rows"))
    assert find_metadata(data.catalogue, data) == [str(tmp_path / "rows/a/b/metadata.csv")]


def test_the_metadata_that_is_nearest_to_an_image_describes_it(tmp_path: Path) -> None:
    names = ["0.png", "a/0.png", "a/b/0.png", "c/0.png"]
    write(tmp_path / "rows", "csv", [{**TABLE[0], "file_name": name} for name in names])
    write(tmp_path / "rows" / "a", "jsonl", [{**TABLE[0], "file_name": "b/0.png"}])
    found = rows_of_folder(tmp_path / "rows")
    assert [(image, row.problem) for image, row in found] == [
        ("a/b/0.png", None),
        ("0.png", None),
        ("a/0.png", ("malformed_row", "'a/metadata.jsonl' is nearer to 'a/0.png' and describes it")),
        ("a/b/0.png", ("malformed_row", "'a/metadata.jsonl' is nearer to 'a/b/0.png' and describes it")),
        ("c/0.png", None),
    ]
    data = DataOptions(catalogue=str(tmp_path / "rows" / "metadata.csv"), format="imagefolder")
    assert [row.problem for _, row in Catalogue.open(data).rows()] == [None] * 4


@pytest.mark.parametrize("ending", WRITERS)
def test_folder_in_a_file_name_is_the_split_as_well(tmp_path: Path, ending: str) -> None:
    table = [{**TABLE[0], "file_name": name} for name in ("test/0.png", "1.png")]
    write(tmp_path / "rows", ending, table)
    found = rows_of_folder(tmp_path / "rows", columns={"split": "split"})
    assert [(image, row.split) for image, row in found] == [("test/0.png", "test"), ("1.png", None)]


@pytest.mark.parametrize("ending", WRITERS)
def test_split_column_wins_over_folders(tmp_path: Path, ending: str) -> None:
    write(tmp_path / "rows" / "train", ending, [{**TABLE[0], "part": "test"}])
    ((_, row),) = rows_of_folder(tmp_path / "rows", columns={"split": "part"})
    assert row.split == "test"


@pytest.mark.parametrize("ending", WRITERS)
def test_columns_have_names_of_their_own(tmp_path: Path, ending: str) -> None:
    table = [{"image": "a.png", "file_name": "b.png", "text": "t", "kind": "c", "key": 7, "by": "ann"}]
    columns = {"description": "text", "label": "kind", "id": "key"}
    (row,) = rows_of(tmp_path, ending, table, columns=columns, split_by="by")
    assert row == Row(1, "7", "a.png", "t", ("c",), "ann")
    (row,) = rows_of(tmp_path, ending, table, columns={**columns, "image": "file_name"}, split_by="by")
    assert row.image == "b.png"


@pytest.mark.parametrize("ending", WRITERS)
def test_a_column_whose_name_ends_with_file_name_is_the_image(tmp_path: Path, ending: str) -> None:
    (row,) = rows_of(tmp_path, ending, [{"photo_file_name": "a.png", "description": "t", "label": "c"}])
    assert row.image == "a.png"


@pytest.mark.parametrize("ending", WRITERS)
def test_several_columns_of_images_are_refused_until_one_is_named(tmp_path: Path, ending: str) -> None:
    table = [{**TABLE[0], "mask_file_name": "mask.png"}]
    with pytest.raises(CatalogueError, match="data.columns.image: .* several images, in .*; name the one to read"):
        rows_of(tmp_path, ending, table)
    assert [row.image for row in rows_of(tmp_path, ending, table, columns={"image": "file_name"})] == ["0.png"]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_list_of_file_names_may_hold_one(tmp_path: Path, ending: str) -> None:
    table = [{"file_names": names, "description": "t", "label": "c"} for names in (["a.png"], ["b.png", "c.png"])]
    first, second = rows_of(tmp_path, ending, table)
    assert (first.image, first.problem) == ("a.png", None)
    assert second.problem == ("several_images", "column 'file_names' holds 2 images")


@pytest.mark.parametrize("ending", WRITERS)
def test_metadata_without_images_is_refused(tmp_path: Path, ending: str) -> None:
    with pytest.raises(CatalogueError, match="data.columns.image: .* no column 'file_name'; did you mean 'filename'"):
        rows_of(tmp_path, ending, [{"filename": "a.png", "description": "t", "label": "c"}])


def test_column_that_the_first_lines_lack_is_one(tmp_path: Path) -> None:
    found = rows_of(
        tmp_path, "jsonl", [{"label": "c"}, TABLE[0], {**TABLE[1], "part": "val"}], columns={"split": "part"}
    )
    assert [(row.image, row.split) for row in found] == [("", None), ("0.png", None), ("1.png", "val")]


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("content", [b"", b'\xff\0\n"', b"nothing"])
def test_broken_metadata_is_refused(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"metadata.{ending}"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=f"metadata.{ending}"):
        read_source(ImagefolderReader(), path)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.parquet", "metadata.xlsx"])
def test_metadata_that_is_missing_or_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogueError, match=name):
        read_source(ImagefolderReader(), tmp_path / name)


def test_rows_with_a_problem_keep_it(tmp_path: Path) -> None:
    path = write(tmp_path / "rows" / "train", "csv", TABLE[:2])
    path.write_bytes(path.read_bytes() + b"2.png\n")
    data = DataOptions(catalogue=str(tmp_path / "rows"), columns={"split": "split"})
    *_, (_, row) = Catalogue.open(data).rows()
    assert row.problem == ("malformed_row", "1 fields where the header names 3")
