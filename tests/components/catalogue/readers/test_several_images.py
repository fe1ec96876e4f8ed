"""Rows with several images: refused, the first of them, or each of them as a row."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import CatalogueError, Row

CELLS = ["a.png;b.png", "c.png", "", " d.png ; ;e.png;f.png"]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def read(path: Path, **options: Any) -> list[Row]:
    """The rows of a catalogue, which are as many as were counted."""
    catalogue = Catalogue.open(DataOptions(catalogue=str(path), **options))
    found = [row for _, row in catalogue.rows()]
    assert catalogue.count_rows() == len(found)
    return found


def write_csv(folder: Path, cells: list[str]) -> Path:
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "image", "description", "label"])
        writer.writerows([f"s{number}", cell, f"text {number}", "c"] for number, cell in enumerate(cells, start=1))
    return path


def test_each_image_makes_a_row(tmp_path: Path) -> None:
    found = read(write_csv(tmp_path, CELLS), paths={"several": "all", "separator": ";"})
    assert [(row.number, row.id, row.image, row.group, row.description) for row in found] == [
        (1, "a.png", "a.png", "a.png", "text 1"),
        (1, "b.png", "b.png", "a.png", "text 1"),
        (2, "c.png", "c.png", None, "text 2"),
        (3, "", "", None, "text 3"),
        (4, "d.png", "d.png", "d.png", "text 4"),
        (4, "e.png", "e.png", "d.png", "text 4"),
        (4, "f.png", "f.png", "d.png", "text 4"),
    ]


def test_ids_of_a_column_are_numbered_and_groups_of_a_column_are_kept(tmp_path: Path) -> None:
    path = write_csv(tmp_path, CELLS[:2])
    found = read(path, paths={"several": "all", "separator": ";"}, columns={"id": "sku"}, split_by="label")
    assert [(row.id, row.group) for row in found] == [("s1#1", "c"), ("s1#2", "c"), ("s2", "c")]


def test_equal_paths_in_different_folders_are_different_groups(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        write_csv(tmp_path / split, ["a.png;b.png"])
    found = read(tmp_path / "*" / "rows.csv", paths={"several": "all", "separator": ";"})
    assert [row.group for row in found] == ["train/a.png", "train/a.png", "val/a.png", "val/a.png"]


def test_the_first_image_counts(tmp_path: Path) -> None:
    found = read(write_csv(tmp_path, CELLS), paths={"several": "first", "separator": ";"})
    assert [(row.image, row.group) for row in found] == [(name, None) for name in ("a.png", "c.png", "", "d.png")]


def test_several_images_are_refused_unless_it_is_said_which_count(tmp_path: Path) -> None:
    found = read(write_csv(tmp_path, CELLS), paths={"separator": ";"})
    assert [row.problem for row in found] == [
        ("several_images", "column 'image' holds 2 images"),
        None,
        None,
        ("several_images", "column 'image' holds 3 images"),
    ]


def test_without_a_separator_a_text_is_one_path(tmp_path: Path) -> None:
    assert [row.image for row in read(write_csv(tmp_path, CELLS), paths={"several": "all"})] == CELLS


@pytest.mark.parametrize("text", ['["a.png", "b.png"]', "['a.png', 'b.png']", "['a.png' 'b.png']", "('a.png','b.png')"])
def test_lists_that_are_written_in_a_cell_need_no_separator(tmp_path: Path, text: str) -> None:
    path = write_csv(tmp_path, [text])
    assert [row.image for row in read(path, paths={"several": "all"})] == ["a.png", "b.png"]
    assert read(path)[0].problem == ("several_images", "column 'image' holds 2 images")


@pytest.mark.parametrize("name", ["[1]", "[a].png", "['a'].png", "[draft] x", "(a)"])
def test_brackets_in_a_name_make_no_list(tmp_path: Path, name: str) -> None:
    assert [row.image for row in read(write_csv(tmp_path, [name]), paths={"several": "all"})] == [name]


def test_lists_of_bytes_and_paths_in_parquet(tmp_path: Path) -> None:
    pairs = [
        [{"bytes": bytes([48 + place]), "path": name} for place, name in pair]
        for pair in ([(1, None), (2, "b.png")], [(3, None)], [], [(4, None), (5, None)])
    ]
    table = pa.table({"image": pairs, "description": list("wxyz"), "label": ["c"] * 4})
    (tmp_path / "a").mkdir()
    pq.write_table(table, tmp_path / "a" / "rows.parquet")
    found = read(tmp_path / "*" / "rows.parquet", paths={"several": "all"})
    assert [(row.number, row.content, row.image) for row in found] == [
        (1, b"1", ""),
        (1, b"2", "b.png"),
        (2, b"3", ""),
        (3, None, ""),
        (4, b"4", ""),
        (4, b"5", ""),
    ]
    assert found[0].group == found[1].group != found[4].group == found[5].group
    assert (found[2].group, found[3].group) == (None, None)


def test_file_names_of_an_imagefolder(tmp_path: Path) -> None:
    for split in ("train", "test"):
        folder = tmp_path / "rows" / split
        folder.mkdir(parents=True)
        line = {"file_names": ["a.png", "b.png"], "description": "t", "label": "c"}
        (folder / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    found = read(tmp_path / "rows", paths={"several": "all"})
    names = ["test/a.png", "test/b.png", "train/a.png", "train/b.png"]
    assert [row.id for row in found] == names
    assert [row.group for row in found] == [names[0], names[0], names[2], names[2]]


def test_a_catalogue_that_changed_since_it_was_counted_is_told(tmp_path: Path) -> None:
    path = write_csv(tmp_path, ["a.png;b.png"])
    catalogue = Catalogue.open(DataOptions(catalogue=str(path), paths={"several": "all", "separator": ";"}))
    (chunk,) = catalogue.chunks(str(tmp_path))
    assert (chunk.rows, chunk.source_rows) == (2, 1)
    path.write_text(path.read_text().replace("a.png;b.png", "abcd.png   "))
    with pytest.raises(CatalogueError, match="changed while it was read: 1 row where there were 2"):
        list(catalogue.read(chunk))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(cells=st.lists(st.lists(st.sampled_from("abcdef"), max_size=4), min_size=1, max_size=9))
def test_there_are_as_many_rows_as_images(tmp_path: Path, cells: list[list[str]]) -> None:
    path = write_csv(tmp_path, ["|".join(cell) for cell in cells])
    found = read(path, paths={"several": "all", "separator": "|"})
    assert [(row.number, row.image) for row in found] == [
        (number, image) for number, cell in enumerate(cells, start=1) for image in cell or [""]
    ]
