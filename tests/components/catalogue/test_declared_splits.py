"""Splits that names of files and folders declare, and what they do to the rows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.fingerprint import digest_inputs
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.storage import write_stream

_HEADER = "image,description,label\n"


def opened(path: Path, **options: Any) -> Catalogue:
    return Catalogue.open(DataOptions(catalogue=str(path), **options))


def images(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def tables(folder: Path, *names: str, header: str = _HEADER) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{header}1.png,a text,cat\n", encoding="utf-8")
    return folder


def splits_by_id(catalogue: Catalogue) -> dict[str, str | None]:
    return {row.id: row.split for _, row in catalogue.rows()}


def test_folders_above_class_folders_are_splits(tmp_path: Path) -> None:
    catalogue = opened(
        images(tmp_path, "Train/cat/1.png", "Train/dog/2.png", "validation/cat/1.png", "holdout/dog/1.png")
    )
    rows = {row.id: (row.labels, row.split) for _, row in catalogue.rows()}
    assert rows == {
        "Train/cat/1.png": (("cat",), "train"),
        "Train/dog/2.png": (("dog",), "train"),
        "validation/cat/1.png": (("cat",), "val"),
        "holdout/dog/1.png": (("dog",), "test"),
    }
    assert (catalogue.splits.by, catalogue.splits.splits) == ("the names of its folders", ["train", "val", "test"])


def test_a_class_named_like_a_split_is_a_class(tmp_path: Path) -> None:
    catalogue = opened(images(tmp_path, "bus/1.png", "car/1.png", "train/1.png", "test/1.png"))
    assert splits_by_id(catalogue) == dict.fromkeys(["bus/1.png", "car/1.png", "test/1.png", "train/1.png"])
    assert {label for _, row in catalogue.rows() for label in row.labels} == {"bus", "car", "train", "test"}


def test_a_class_inside_splits_may_be_named_like_a_split(tmp_path: Path) -> None:
    catalogue = opened(images(tmp_path, "train/train/1.png", "train/bus/1.png", "test/train/1.png"))
    assert {(row.labels, row.split) for _, row in catalogue.rows()} == {
        (("train",), "train"),
        (("bus",), "train"),
        (("train",), "test"),
    }


def test_a_lone_train_above_class_folders_is_a_split(tmp_path: Path) -> None:
    catalogue = opened(images(tmp_path, "train/cat/1.png", "train/dog/1.png"))
    assert {(row.labels, row.split) for _, row in catalogue.rows()} == {(("cat",), "train"), (("dog",), "train")}


@pytest.mark.parametrize("wrapper", ["dataset", "archive/pets"])
def test_folders_that_only_wrap_are_passed(tmp_path: Path, wrapper: str) -> None:
    names = (f"{wrapper}/train/train/cat/1.png", f"{wrapper}/train/train/dog/1.png", f"{wrapper}/test/cat/1.png")
    catalogue = opened(images(tmp_path, *names))
    assert {(row.id, row.labels, row.split) for _, row in catalogue.rows()} == {
        (names[0], ("cat",), "train"),
        (names[1], ("dog",), "train"),
        (names[2], ("cat",), "test"),
    }


@pytest.mark.parametrize("image", ["test/1.png", "test/images/1.png", "test/unknown/1.png", "test/test/1.png"])
def test_a_folder_of_splits_whose_images_have_no_class(tmp_path: Path, image: str) -> None:
    catalogue = opened(images(tmp_path, "train/cat/1.png", "train/dog/1.png", image))
    assert [row.labels for _, row in catalogue.rows() if row.split == "test"] == [()]


@pytest.mark.parametrize("other", ["extra/cat/1.png", "cover.png", "pred/cat/1.png"])
def test_images_beside_folders_of_splits_are_asked_about(tmp_path: Path, other: str) -> None:
    images(tmp_path, "train/cat/1.png", "test/cat/1.png", other)
    with pytest.raises(CatalogueError, match=r"the folders test, train are splits.*declared_splits: ignore"):
        opened(tmp_path)
    assert len(splits_by_id(opened(tmp_path, declared_splits="ignore"))) == 3


def test_folders_inside_of_class_folders_are_splits(tmp_path: Path) -> None:
    names = ("cat/train/1.png", "cat/test/2.png", "dog/train/sub/1.png", "dog/Val/1.png")
    catalogue = opened(images(tmp_path, *names))
    assert {row.id: (row.labels, row.split) for _, row in catalogue.rows()} == {
        "cat/train/1.png": (("cat",), "train"),
        "cat/test/2.png": (("cat",), "test"),
        "dog/train/sub/1.png": (("dog",), "train"),
        "dog/Val/1.png": (("dog",), "val"),
    }
    assert catalogue.splits.by == "the names of the folders in its class folders"


def test_folders_that_only_some_classes_have_are_no_splits(tmp_path: Path) -> None:
    catalogue = opened(images(tmp_path, "cat/train/1.png", "cat/test/2.png", "dog/1.png"))
    assert set(splits_by_id(catalogue).values()) == {None}


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ("cat/mask/1.png", "of the images in 'cat/mask' nobody knows the split"),
        ("dog/1.png", "of the images in 'dog' nobody knows the split"),
    ],
)
def test_images_beside_splits_in_class_folders_are_asked_about(tmp_path: Path, other: str, match: str) -> None:
    images(tmp_path, "cat/train/1.png", "cat/test/1.png", "dog/train/1.png", "dog/test/1.png", other)
    with pytest.raises(CatalogueError, match=match):
        opened(tmp_path)
    assert len(splits_by_id(opened(tmp_path, declared_splits="ignore"))) == 5


def test_splits_in_class_folders_of_one_folder_are_asked_about(tmp_path: Path) -> None:
    images(tmp_path, "images/cat/train/1.png", "images/cat/test/1.png", "images/dog/train/1.png")
    with pytest.raises(CatalogueError, match=r"class folders of '.*images' hold folders of splits"):
        opened(tmp_path)
    assert splits_by_id(opened(tmp_path / "images"))["cat/test/1.png"] == "test"


@pytest.mark.parametrize("image", ["pred/1.png", "seg_pred/seg_pred/1.png", "unlabeled/1.png"])
def test_a_folder_of_images_to_classify_is_a_test_without_labels(tmp_path: Path, image: str) -> None:
    catalogue = opened(images(tmp_path, "train/cat/1.png", "train/dog/1.png", "test/cat/1.png", image))
    assert {row.id: (row.labels, row.split) for _, row in catalogue.rows()}[image] == ((), "test")


def test_folders_of_systems_are_neither_classes_nor_splits(tmp_path: Path) -> None:
    names = ("__MACOSX/cat/1.png", "@eaDir/2.png", "train/cat/3.png", "train/@eaDir/4.png", "test/cat/5.png")
    assert set(splits_by_id(opened(images(tmp_path, *names)))) == {"train/cat/3.png", "test/cat/5.png"}


def test_a_link_out_of_the_catalogue_is_no_split_that_is_left_out(tmp_path: Path) -> None:
    images(tmp_path / "elsewhere", "cat/1.png")
    images(tmp_path / "pets", "train/cat/1.png", "train/dog/1.png")
    (tmp_path / "pets" / "test").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CatalogueError, match="link that leads out"):
        opened(tmp_path / "pets")


def test_ignored_splits_are_classes(tmp_path: Path) -> None:
    catalogue = opened(images(tmp_path, "train/cat/1.png", "test/cat/1.png"), declared_splits="ignore")
    assert {(row.labels, row.split) for _, row in catalogue.rows()} == {(("train",), None), (("test",), None)}
    assert not catalogue.splits.by


_NAMES = st.sampled_from(["train", "Train", "val", "test", "dataset", "cat", "dog", "bus", "holdout_2"])


@given(st.sets(st.lists(_NAMES, max_size=4).map("/".join), min_size=1, max_size=8))
def test_no_image_is_lost_or_read_twice_however_folders_are_named(folders: set[str]) -> None:
    with TemporaryDirectory() as root:
        names = sorted(f"{folder}/{number}.png".lstrip("/") for number, folder in enumerate(folders))
        images(Path(root), *names)
        try:
            catalogue = opened(Path(root))
        except CatalogueError:
            return
        rows = [row for _, row in catalogue.rows()]
        assert sorted(row.id for row in rows) == names
        declared = {row.split for row in rows}
        assert None not in declared or declared == {None}
        for row in rows:
            label = row.labels[0] if row.labels else None
            assert label is None or f"{label}/" in row.id


@pytest.mark.parametrize("name", ["pets", "tables", "imagefolder"])
def test_a_store_declares_what_a_folder_does(tmp_path: Path, name: str) -> None:
    images(tmp_path / "pets", "dataset/train/cat/1.png", "dataset/train/dog/.hidden.png", "dataset/test/cat/1.png")
    tables(tmp_path / "tables", "data/train-0.csv", "data/test-0.csv")
    images(tmp_path / "imagefolder", "train/1.png", "test/1.png")
    lines = "file_name,description,label\ntrain/1.png,a,c\ntest/1.png,a,c\n"
    (tmp_path / "imagefolder" / "metadata.csv").write_text(lines, encoding="utf-8")
    store = f"memory://{tmp_path.name}"
    for path in filter(Path.is_file, (tmp_path / name).rglob("*")):
        with write_stream(f"{store}/{path.relative_to(tmp_path).as_posix()}") as file:
            file.write(path.read_bytes())
    remote, local = Catalogue.open(DataOptions(catalogue=f"{store}/{name}")), opened(tmp_path / name)
    assert remote.splits.splits == ["train", "test"]
    assert (remote.kind, remote.splits.by) == (local.kind, local.splits.by)
    assert remote.splits.by_name(remote.data.catalogue) == local.splits.by_name(local.data.catalogue)
    with TemporaryDirectory() as folder:
        found = [row for chunk in remote.chunks(folder) for row in remote.read(chunk)]
    assert found == [row for _, row in local.rows()]


@pytest.mark.parametrize(
    "names", [("train.csv", "test.csv"), ("data/train.csv", "data/test.csv"), ("train/a.csv", "test/a.csv")]
)
def test_names_of_tables_in_a_folder_are_splits(tmp_path: Path, names: tuple[str, str]) -> None:
    catalogue = opened(tables(tmp_path, *names))
    assert catalogue.kind == "csv"
    assert {catalogue.source_name(source): row.split for source, row in catalogue.rows()} == {
        f"{tmp_path.name}/{names[0]}": "train",
        f"{tmp_path.name}/{names[1]}": "test",
    }


def test_names_of_files_that_a_pattern_matches_are_splits(tmp_path: Path) -> None:
    for span in (1, 2):
        tables(tmp_path / str(span), "train-0.csv", "train-1.csv", "dev.csv")
    catalogue = opened(tmp_path / "{SPAN}" / "*.csv")
    assert [(catalogue.source_name(source), row.split) for source, row in catalogue.rows()] == [
        ("dev.csv", "val"),
        ("train-0.csv", "train"),
        ("train-1.csv", "train"),
    ]


def test_files_of_a_folder_that_name_no_split_are_left_out_and_told(tmp_path: Path) -> None:
    catalogue = opened(tables(tmp_path, "train.csv", "test.csv", "sample_submission.csv"))
    assert [Path(source).name for source in catalogue.sources] == ["test.csv", "train.csv"]
    assert [Path(source).name for source in catalogue.splits.unread] == ["sample_submission.csv"]


def test_a_form_of_answers_beside_train_is_left_out(tmp_path: Path) -> None:
    catalogue = opened(tables(tmp_path, "train.csv", "sample_submission.csv"))
    assert [Path(source).name for source in (*catalogue.sources, *catalogue.splits.unread)] == [
        "train.csv",
        "sample_submission.csv",
    ]


def test_files_of_a_pattern_that_name_no_split_are_asked_about(tmp_path: Path) -> None:
    tables(tmp_path, "train.csv", "test.csv", "more.csv")
    with pytest.raises(CatalogueError, match=r"\(test.csv, train.csv\) and others that name none \(more.csv\)"):
        opened(tmp_path / "*.csv")
    assert len(opened(tmp_path / "*.csv", declared_splits="ignore").sources) == 3


def test_one_name_among_others_is_no_split(tmp_path: Path) -> None:
    catalogue = opened(tables(tmp_path, "bus.csv", "car.csv", "train.csv"))
    assert (len(catalogue.sources), catalogue.splits.splits) == (3, [])


def test_a_single_file_that_is_named_declares_nothing(tmp_path: Path) -> None:
    tables(tmp_path, "train.csv", "test.csv")
    assert opened(tmp_path / "test.csv").splits.splits == []


def test_splits_without_train_are_refused(tmp_path: Path) -> None:
    catalogue = opened(tables(tmp_path, "val.csv", "test.csv"))
    with pytest.raises(CatalogueError, match=r"declares val and test, but no train to learn from.*ignore"):
        catalogue.check_columns()


def test_a_part_that_is_not_learned_from_needs_no_labels(tmp_path: Path) -> None:
    tables(tmp_path, "train.csv")
    (tmp_path / "test.csv").write_text("image,description\n1.png,a text\n", encoding="utf-8")
    catalogue = opened(tmp_path)
    catalogue.check_columns()
    assert [(row.labels, row.split) for _, row in catalogue.rows()] == [((), "test"), (("cat",), "train")]


def test_train_needs_labels_and_test_needs_images(tmp_path: Path) -> None:
    tables(tmp_path, "test.csv")
    (tmp_path / "train.csv").write_text("image,description\n1.png,a text\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"data.columns.label: .*train.csv' has no column 'label'"):
        opened(tmp_path).check_columns()
    tables(tmp_path, "train.csv")
    (tmp_path / "test.csv").write_text("picture,description\n1.png,a text\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"data.columns.image: .*test.csv' has no column 'image'"):
        opened(tmp_path).check_columns()


def test_a_column_of_splits_comes_before_names(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(f"part,{_HEADER}val,1.png,a,c\n,2.png,a,c\n", encoding="utf-8")
    tables(tmp_path, "test.csv")
    catalogue = opened(tmp_path, columns={"split": "part"})
    catalogue.check_columns()
    assert [row.split for _, row in catalogue.rows()] == ["test", "val", "train"]


def test_names_do_not_matter_where_a_column_says_the_split(tmp_path: Path) -> None:
    header = f"part,{_HEADER}"
    for name, line in (("test_data.csv", "train,1.png,a,c\n"), ("val_data.csv", "dev,2.png,a,c\n")):
        (tmp_path / name).write_text(header + line, encoding="utf-8")
    catalogue = opened(tmp_path, columns={"split": "part"})
    catalogue.check_columns()
    assert [row.split for _, row in catalogue.rows()] == ["train", "dev"]
    (tmp_path / "more.csv").write_text(header + "test,3.png,a,c\n", encoding="utf-8")
    catalogue = opened(tmp_path / "*.csv", columns={"split": "part"})
    assert [row.split for _, row in catalogue.rows()] == ["test", "train", "dev"]


@pytest.mark.parametrize("kind", ["imagefolder", "csv"])
def test_folders_of_the_images_that_a_table_names_are_splits(tmp_path: Path, kind: str) -> None:
    images(tmp_path, "train/1.png", "train/2.png", "test/1.png", "labels/1.txt")
    name, column = ("metadata.csv", "file_name") if kind == "imagefolder" else ("rows.csv", "image")
    lines = "train/1.png,a,c\ntrain/2.png,a,c\ntest/1.png,a,c\n"
    (tmp_path / name).write_text(f"{column},description,label\n{lines}", encoding="utf-8")
    catalogue = opened(tmp_path if kind == "imagefolder" else tmp_path / name)
    assert catalogue.kind == kind
    assert splits_by_id(catalogue) == {"train/1.png": "train", "train/2.png": "train", "test/1.png": "test"}


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        (r"train\1.png", {}),
        ("./train/1.png", {}),
        ("C:/pets/train/1.png", {"replace": {"C:/pets/": ""}}),
        ("{root}/train/1.png", {}),
        ("train/1", {"endings": [".png"]}),
    ],
)
def test_the_folder_of_an_image_is_that_of_its_file(tmp_path: Path, written: str, paths: dict[str, Any]) -> None:
    images(tmp_path, "train/1.png", "test/1.png")
    written = written.format(root=tmp_path)
    (tmp_path / "rows.csv").write_text(f"{_HEADER}{written},a,c\ntest/1.png,a,c\n", encoding="utf-8")
    found = [row.split for _, row in opened(tmp_path / "rows.csv", paths=paths).rows()]
    assert found == ["train", "test"]


def test_a_row_whose_image_lies_in_no_folder_of_a_split_is_refused(tmp_path: Path) -> None:
    images(tmp_path, "train/1.png", "test/1.png", "more/1.png")
    lines = "".join(
        json.dumps({"file_name": name, "label": "c"}) + "\n" for name in ("train/1.png", "test/1.png", "more/1.png", "")
    )
    (tmp_path / "metadata.jsonl").write_text(lines, encoding="utf-8")
    problems = [row.problem and row.problem[0] for _, row in opened(tmp_path, columns={"description": None}).rows()]
    assert problems == [None, None, "unknown_split", None], "a row without an image is refused for that, later"


def test_a_table_beside_another_dataset_is_not_split_by_its_folders(tmp_path: Path) -> None:
    images(tmp_path, "train/1.png", "test/1.png", "images/1.png")
    (tmp_path / "rows.csv").write_text(f"{_HEADER}images/1.png,a,c\n", encoding="utf-8")
    assert splits_by_id(opened(tmp_path / "rows.csv")) == {"images/1.png": None}


def test_metadata_in_each_folder_of_a_split(tmp_path: Path) -> None:
    for part in ("train", "test"):
        tables(tmp_path / part, "metadata.csv", header="file_name,description,label\n")
    assert splits_by_id(opened(tmp_path)) == {"train/1.png": "train", "test/1.png": "test"}


def test_the_fingerprint_depends_on_what_declares_splits(tmp_path: Path) -> None:
    images(tmp_path / "a", "train/1.png", "test/1.png", "more.txt")
    (tmp_path / "a" / "rows.csv").write_text(f"{_HEADER}train/1.png,a,c\ntest/1.png,a,c\n", encoding="utf-8")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    images(tmp_path / "b", "other/1.png")
    digests = {digest_inputs(opened(tmp_path / name / "rows.csv")) for name in "ab"}
    assert len(digests) == 2
