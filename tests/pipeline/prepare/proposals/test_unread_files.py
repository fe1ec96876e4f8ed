"""Files of a folder of class folders that init says are not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.pipeline.prepare.describe import describe_preview
from diptych.pipeline.prepare.preview import preview_catalogue
from diptych.pipeline.prepare.proposals.unread_files import find_unread, name_splits, summarize
from tests.helpers import write_image
from tests.pipeline.prepare.proposals.evidence import evidence_of


def files(folder: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".png"):
            write_image(folder / name, seed)
        else:
            (folder / name).write_text("1 2 3 4\n", encoding="utf-8")
    return folder


def test_files_that_belong_to_no_image_and_to_no_reader_are_not_read(tmp_path: Path) -> None:
    read = ("images/cat/1.png", "images/cat/1.txt", "README.txt", ".hidden/a.txt", "@eaDir/b.txt", "a.bin")
    files(tmp_path, *read, "meta/train.txt", "images/cat/1.xml", "splits.mat")
    assert find_unread(evidence_of(tmp_path)) == ["images/cat/1.xml", "meta/train.txt", "splits.mat"]


def test_other_kinds_have_none(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("image,label\n1.png,cat\n", encoding="utf-8")
    files(tmp_path, "notes.xml")
    assert find_unread(evidence_of(tmp_path / "rows.csv")) == []


def test_names_of_files_may_speak_of_splits() -> None:
    lists = ["ImageSets/Main/val.txt", "meta/train.txt", "train_test_split.txt"]
    assert name_splits([*lists, "train/1.xml", "classes.txt", "splitter.txt"]) == lists


def test_files_are_summarized() -> None:
    assert summarize([]) == ""
    assert summarize(["a/1.xml", "a/2.xml", "b.txt"]) == "2 .xml files (a/1.xml ...), b.txt"


def test_lists_of_splits_beside_class_folders_are_a_doubt(tmp_path: Path) -> None:
    files(tmp_path, "images/cat/1.png", "images/dog/2.png", "meta/train.txt", "meta/test.txt")
    found = preview_catalogue(str(tmp_path)).decision("data.declared_splits")
    assert found
    assert found.reason == "rows are split anew; not read: meta/test.txt, meta/train.txt"
    assert found.alternatives == (
        "folders train and test, or a table with a column of splits, if these files declare them",
    )


def test_lists_of_a_split_without_class_folders_are_said(tmp_path: Path) -> None:
    files(tmp_path, "train/cat/1.png", "train/dog/2.png", "val/images/3.png", "val/val_annotations.txt")
    found = preview_catalogue(str(tmp_path)).decision("data.declared_splits")
    assert found
    assert "not read: val/val_annotations.txt" in found.reason


def test_one_folder_of_images_beside_their_annotations_is_a_doubt(tmp_path: Path) -> None:
    files(tmp_path, "JPEGImages/1.png", "JPEGImages/2.png", "Annotations/1.xml", "Annotations/2.xml")
    found = preview_catalogue(str(tmp_path)).decision("data.columns.label")
    assert found
    assert found.reason == (
        "the class to learn; all images lie in the folder 'JPEGImages', so there is nothing to tell apart"
    )
    assert "2 .xml files (Annotations/1.xml ...)" in found.alternatives[0]


@pytest.mark.parametrize("folder", ["", "train/"])
def test_boxes_beside_images_are_neither_label_nor_description(tmp_path: Path, folder: str) -> None:
    names = [f"{folder}{number}" for number in range(6)]
    files(tmp_path, *(f"{name}.png" for name in names), *(f"{name}.txt" for name in names), "obj.names")
    found = preview_catalogue(str(tmp_path))
    assert found.decision("data.columns.label") is None
    description = found.decision("data.columns.description")
    assert description
    assert (description.value, description.reason) == (
        None,
        "description holds no words, as '1 2 3 4': a model of the images alone",
    )
    assert "Not found: label; labels are the names of folders; not read: obj.names" in list(describe_preview(found))
