"""COCO's documents are found in folders as COCO, Roboflow and FiftyOne lay them out, with their images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions

DOCUMENT = {
    "images": [{"id": 1, "file_name": "1.jpg"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1}],
    "categories": [{"id": 1, "name": "cat"}],
}


def write(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content) if content else "")


def read(catalogue: Path) -> tuple[str, list[tuple[str, str | None, str]]]:
    """The kind, and each row's image as an existing file, split and label."""
    opened = Catalogue.open(DataOptions(catalogue=str(catalogue), columns={"description": None}))
    rows = []
    for source, row in opened.rows():
        image = Path(opened.images_root(source)) / row.image
        assert image.exists()
        rows.append((str(image.resolve().relative_to(catalogue.resolve())), row.split, ",".join(row.labels)))
    return opened.kind, rows


COCO = {
    "annotations/instances_train2017.json": DOCUMENT,
    "annotations/instances_val2017.json": DOCUMENT,
    "annotations/captions_train2017.json": {**DOCUMENT, "categories": []},
    "train2017/1.jpg": None,
    "val2017/1.jpg": None,
}


def test_cocos_own_layout_is_read_with_its_splits(tmp_path: Path) -> None:
    write(tmp_path, COCO)
    assert read(tmp_path) == ("coco", [("train2017/1.jpg", "train", "cat"), ("val2017/1.jpg", "val", "cat")])


def test_one_of_cocos_documents_finds_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, COCO)
    monkeypatch.chdir(tmp_path)
    for catalogue in (tmp_path / "annotations/instances_val2017.json", Path("annotations/instances_val2017.json")):
        opened = Catalogue.open(DataOptions(catalogue=str(catalogue), columns={"description": None}))
        ((source, row),) = opened.rows()
        assert (Path(opened.images_root(source)) / row.image).resolve() == tmp_path / "val2017/1.jpg"


def test_roboflows_layout_is_read_with_its_splits(tmp_path: Path) -> None:
    parts = ("train", "valid", "test")
    write(tmp_path, {f"{part}/{name}": content for part in parts for name, content in [
        ("_annotations.coco.json", DOCUMENT), ("1.jpg", None)
    ]})  # fmt: skip
    (tmp_path / "README.roboflow.txt").write_text("Exported by Roboflow")
    kind, rows = read(tmp_path)
    assert kind == "coco"
    assert sorted(rows) == [
        ("test/1.jpg", "test", "cat"),
        ("train/1.jpg", "train", "cat"),
        ("valid/1.jpg", "val", "cat"),
    ]


def test_a_document_beside_its_folder_of_images_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"labels.json": DOCUMENT, "data/1.jpg": None})
    assert read(tmp_path) == ("coco", [("data/1.jpg", None, "cat")])


def test_files_of_single_images_are_no_documents(tmp_path: Path) -> None:
    write(tmp_path, {"cat/1.json": DOCUMENT, "cat/1.jpg": None, "dog/2.json": {"label": "wolf"}, "dog/2.jpg": None})
    assert Catalogue.open(DataOptions(catalogue=str(tmp_path))).kind == "folder"
