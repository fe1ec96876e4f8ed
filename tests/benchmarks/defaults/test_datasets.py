from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.defaults.datasets import build_catalogue
from benchmarks.defaults.recipes import Recipe, Row

DOT = Image.new("RGBA", (2, 2))


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _recipe(*rows: Row) -> Recipe:
    return Recipe("dots", (), lambda: iter(rows))


def test_catalogue_has_images_and_texts(tmp_path: Path) -> None:
    path = build_catalogue("dots", _recipe(Row("a", DOT, "x|y", "a dot"), Row("b", DOT, "x")), tmp_path)
    assert _read(path) == [
        {"id": "a", "image": "images/a.png", "description": "a dot", "label": "x|y"},
        {"id": "b", "image": "images/b.png", "description": "", "label": "x"},
    ]
    with Image.open(path.parent / "images" / "b.png") as image:
        assert image.size == (2, 2)


def test_catalogue_without_any_text_has_no_column_for_it(tmp_path: Path) -> None:
    path = build_catalogue("dots", _recipe(Row("a", DOT, "x")), tmp_path)
    assert _read(path) == [{"id": "a", "image": "images/a.png", "label": "x"}]


def test_catalogue_that_is_there_is_not_built_again(tmp_path: Path) -> None:
    path = build_catalogue("dots", _recipe(Row("a", DOT, "x")), tmp_path)
    assert build_catalogue("dots", _recipe(Row("b", DOT, "x")), tmp_path) == path
    assert [row["id"] for row in _read(path)] == ["a"]


def test_half_a_catalogue_is_not_taken_for_one(tmp_path: Path) -> None:
    def broken() -> Iterator[Row]:
        yield Row("a", DOT, "x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        build_catalogue("dots", Recipe("dots", (), broken), tmp_path)
    path = build_catalogue("dots", _recipe(Row("b", DOT, "x")), tmp_path)
    assert [row["id"] for row in _read(path)] == ["b"]
    assert [file.name for file in (path.parent / "images").iterdir()] == ["b.png"]
