"""What init says of splits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from diptych.pipeline.prepare.preview import preview_catalogue
from diptych.pipeline.prepare.proposals.decisions import Decision
from tests.helpers import write_image

_KEY = "data.declared_splits"


def decided(catalogue: Path) -> Decision | None:
    found = preview_catalogue(str(catalogue)).decisions
    return next((decision for decision in found if decision.key == _KEY), None)


def images(folder: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(folder / name, seed)
    return folder


def table(path: Path, columns: Mapping[str, list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_folders_of_splits_are_kept_and_said(tmp_path: Path) -> None:
    pets = images(tmp_path / "pets", "train/cat/1.png", "train/dog/2.png", "test/cat/3.png", "test/dog/4.png")
    found = decided(pets)
    assert found
    assert found.value == "auto"
    assert found.reason == "declared by the names of its folders: train, test; kept; val taken from train"
    assert not found.alternatives


def test_a_lone_name_of_a_split_may_mean_something_else(tmp_path: Path) -> None:
    found = decided(images(tmp_path / "pets", "Train/cat/1.png", "Train/dog/2.png"))
    assert found
    assert found.reason == "declared by the names of its folders: train (Train); kept; val and test taken from train"
    assert found.alternatives == ("set data.declared_splits: ignore, if all rows are to be split anew",)


def test_many_names_of_a_split_are_counted(tmp_path: Path) -> None:
    images(tmp_path, *(f"{number}.png" for number in range(4)))
    for name in (*(f"train-{number}" for number in range(5)), "test"):
        table(tmp_path / f"{name}.csv", rows(4))
    found = decided(tmp_path)
    assert found
    assert "declared by the names of its files: train (train-0.csv and 4 more), test (test.csv); kept" in found.reason


def test_folders_of_splits_in_class_folders_are_kept_and_said(tmp_path: Path) -> None:
    pets = images(tmp_path / "pets", "cat/train/1.png", "cat/test/2.png", "dog/train/3.png", "dog/test/4.png")
    found = decided(pets)
    assert found
    assert found.reason == (
        "declared by the names of the folders in its class folders: train (cat/train, dog/train), test (cat/test, "
        "dog/test); kept; val taken from train"
    )


@pytest.mark.parametrize("name", ["fold", "Subset", "k_fold", "usage"])
def test_a_column_of_folds_is_no_split_and_said(tmp_path: Path, name: str) -> None:
    images(tmp_path, *(f"{number}.png" for number in range(8)))
    table(tmp_path / "rows.csv", rows(8, **{name: ["1", "2", "3", "4"] * 2}))
    found = decided(tmp_path / "rows.csv")
    assert found
    assert found.reason == f"rows are split anew: '{name}' (1, 2, 3 ...) says nothing of train, val and test"
    assert found.alternatives == [f"data.columns.split: {name}, once its cells say train, val and test"]


def test_a_part_without_labels_is_said(tmp_path: Path) -> None:
    pets = images(
        tmp_path / "pets", "train/cat/1.png", "train/dog/2.png", "valid/cat/5.png", "test/3.png", "test/4.png"
    )
    found = decided(pets)
    assert found
    assert "test has no labels, so it is not learned from" in found.reason
    assert found.reason.endswith("test taken from train")


def test_classes_that_are_named_like_splits_are_said(tmp_path: Path) -> None:
    found = decided(images(tmp_path / "rides", "bus/1.png", "car/2.png", "train/3.png"))
    assert found
    assert found.reason == "'train' lies among classes of other names, so it is a class"
    assert found.alternatives


def test_nothing_is_said_where_nothing_is_declared(tmp_path: Path) -> None:
    assert decided(images(tmp_path / "rides", "bus/1.png", "car/2.png")) is None


def rows(count: int, **others: list[str]) -> dict[str, list[str]]:
    texts = [f"a picture of number {number}" for number in range(count)]
    labels = [("cat", "dog")[number % 2] for number in range(count)]
    return {"image": [f"{number}.png" for number in range(count)], "description": texts, "label": labels, **others}


def test_a_column_of_splits_is_said(tmp_path: Path) -> None:
    images(tmp_path, *(f"{number}.png" for number in range(8)))
    table(tmp_path / "rows.csv", rows(8, subset=["Train"] * 6 + ["dev"] * 2))
    found = decided(tmp_path / "rows.csv")
    assert found
    assert found.reason == (
        "the column 'subset' declares train 6, val 2 of 8 sampled rows; kept; test taken from train"
    )
    assert not found.alternatives


def test_files_that_are_not_read_are_said(tmp_path: Path) -> None:
    images(tmp_path, *(f"{number}.png" for number in range(4)))
    for name in ("train", "test", "sample_submission"):
        table(tmp_path / f"{name}.csv", rows(4))
    found = decided(tmp_path)
    assert found
    assert found.reason.endswith("not read, because they name no split: sample_submission.csv")


def test_splits_without_train_are_said_to_be_refused(tmp_path: Path) -> None:
    images(tmp_path, *(f"{number}.png" for number in range(4)))
    for name in ("val", "test"):
        table(tmp_path / f"{name}.csv", rows(4))
    found = decided(tmp_path)
    assert found
    assert found.reason.endswith("train is not declared, so a run refuses it")


@pytest.mark.parametrize("name", ["train.csv", "test.csv"])
def test_the_neighbours_of_a_single_file_are_named(tmp_path: Path, name: str) -> None:
    images(tmp_path, *(f"{number}.png" for number in range(4)))
    table(tmp_path / "train.csv", rows(4))
    table(tmp_path / "test.csv", rows(4))
    found = decided(tmp_path / name)
    assert found
    assert found.reason == f"only {name} is read, and split anew"
    other = "test.csv" if name == "train.csv" else "train.csv"
    assert found.alternatives == (f"the folder as data.catalogue, if {other} beside it declares a split",)


def test_folders_of_splits_beside_others_are_said(tmp_path: Path) -> None:
    names = ("data/train/cat/1.png", "data/test/cat/2.png", "small/cat/3.png", "small/dog/4.png")
    found = decided(images(tmp_path / "casting", *names))
    assert found
    assert found.reason == "rows are split anew, though folders in data are named like splits"
    assert found.alternatives == ("data.catalogue: that of the folder 'data', which declares them",)


def test_lists_of_splits_beside_a_table_are_said(tmp_path: Path) -> None:
    images(tmp_path, *(f"{number}.png" for number in range(4)))
    table(tmp_path / "Data_Entry.csv", rows(4))
    (tmp_path / "test_list.txt").write_text("1.png\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("none\n", encoding="utf-8")
    found = decided(tmp_path / "Data_Entry.csv")
    assert found
    assert found.reason == "rows are split anew; not read: test_list.txt"


def test_several_configurations_of_a_repository_are_a_doubt(tmp_path: Path) -> None:
    images(tmp_path, *(f"{config}/{number}.png" for config in ("en", "fr") for number in range(4)))
    for config in ("en", "fr"):
        table(tmp_path / config / "train.csv", rows(4))
        table(tmp_path / config / "test.csv", rows(4))
    front = "---\nconfigs:\n- config_name: en\n- config_name: fr\n---\n"
    (tmp_path / "README.md").write_text(front, encoding="utf-8")
    found = decided(tmp_path)
    assert found
    assert found.alternatives == (
        "the files of one of the configurations en, fr as data.catalogue; all are read together",
    )
