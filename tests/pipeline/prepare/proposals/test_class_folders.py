"""Which of nested class folders init takes for the label."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from diptych.pipeline.prepare.proposals.class_folders import propose_class_folder
from diptych.pipeline.prepare.proposals.decisions import Decision
from tests.pipeline.prepare.proposals.evidence import evidence_of


def proposed(folder: Path, paths: Iterable[str]) -> list[Decision]:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return propose_class_folder(evidence_of(folder))


def test_folders_that_are_not_nested_need_no_decision(tmp_path: Path) -> None:
    assert proposed(tmp_path, ["cat/1.jpg", "dog/2.jpg", "3.jpg"]) == []


def test_below_one_top_folder_the_inner_ones_are_the_classes(tmp_path: Path) -> None:
    reason = "all images lie in 'pictures', so the inner folders are the classes: cat, dog"
    assert proposed(tmp_path, ["pictures/cat/1.jpg", "pictures/dog/2.jpg"]) == [
        Decision("data.class_folder", "leaf", reason)
    ]


def test_below_one_top_folder_of_several_levels_there_is_an_alternative(tmp_path: Path) -> None:
    (decision,) = proposed(tmp_path, ["all/pet/cat/1.jpg", "all/pet/dog/2.jpg", "all/wild/wolf/3.jpg"])
    assert decision.value == "leaf"
    assert decision.alternatives[-1] == "data.catalogue: that of the folder 'all', if the classes are pet, wild"


def test_several_top_folders_are_the_classes_and_the_inner_ones_may_be(tmp_path: Path) -> None:
    assert proposed(tmp_path, ["pet/cat/1.jpg", "pet/dog/2.jpg", "wild/wolf/3.jpg", "none/4.jpg"]) == [
        Decision(
            "data.class_folder",
            "top",
            "the 3 top folders: none, pet, wild",
            [
                "data.class_folder: leaf, if the 3 inner folders are the classes (cat, dog, wolf)",
                "data.class_folder: path, if both together are",
            ],
        )
    ]


@pytest.mark.parametrize(("tops", "inner"), [(("cat", "dog"), "images"), (("bird_1", "bird_2"), "2024")])
def test_an_inner_folder_that_recurs_is_no_class(tmp_path: Path, tops: tuple[str, str], inner: str) -> None:
    (decision,) = proposed(tmp_path, [f"{top}/{inner}/1.jpg" for top in tops])
    assert decision.value == "top"
    assert decision.reason == f"the 2 top folders; the inner ones recur below several of them: {inner}"
    assert not decision.alternatives


def test_several_inner_folders_that_recur_may_be_the_classes(tmp_path: Path) -> None:
    (decision,) = proposed(
        tmp_path, [f"{top}/images/{leaf}/1.jpg" for top in ("amazon", "dslr") for leaf in ("bike", "mug")]
    )
    assert decision.value == "top"
    assert decision.alternatives == [
        "data.class_folder: leaf, if the classes are bike, mug",
        "data.class_folder: path, if top and inner folder together are the class",
    ]


def test_below_numbered_parts_the_inner_folders_are_the_classes(tmp_path: Path) -> None:
    (decision,) = proposed(tmp_path, [f"fold_{part}/{leaf}/1.jpg" for part in (1, 2, 3) for leaf in ("cat", "dog")])
    assert decision == Decision(
        "data.class_folder",
        "leaf",
        "the inner folders, which recur in all of fold_1, fold_2, fold_3: cat, dog",
        ["data.class_folder: top, if the classes are fold_1, fold_2, fold_3"],
    )


@pytest.mark.parametrize("tops", [("class_1", "class_2"), ("1", "2"), ("cat", "dog")])
def test_numbered_classes_are_no_parts(tmp_path: Path, tops: tuple[str, str]) -> None:
    (decision,) = proposed(tmp_path, [f"{top}/{leaf}/1.jpg" for top in tops for leaf in ("left", "right")])
    assert decision.value == "top"


@pytest.mark.parametrize("inner", ["", "cat/"])
def test_folders_of_masks_beside_images_are_a_doubt(tmp_path: Path, inner: str) -> None:
    (decision,) = proposed(tmp_path, [f"images/{inner}1.jpg", f"masks/{inner}1.png"])
    assert decision.alternatives[0] == (
        "data.catalogue: that of the folder 'images', if there are masks or the like in masks"
    )


def test_folders_of_splits_in_class_folders_are_no_classes(tmp_path: Path) -> None:
    assert proposed(tmp_path, ["cat/train/1.jpg", "cat/test/2.jpg", "dog/train/3.jpg", "dog/test/4.jpg"]) == []
    (decision,) = proposed(tmp_path / "deep", ["pet/train/cat/1.jpg", "pet/test/cat/2.jpg", "wild/train/wolf/3.jpg"])
    assert decision.alternatives == ["data.class_folder: leaf, if the 2 inner folders are the classes (cat, wolf)"]
