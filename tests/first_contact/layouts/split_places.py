"""Places and spellings in which catalogues declare their splits, after reports of users of other tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tests.first_contact.layouts import Written, layout
from tests.first_contact.pictures import Item, items, split_items, without_texts
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import (
    frame_of,
    write_class_folders,
    write_json_lines,
    write_picture,
    write_pictures,
    write_shards,
)

_NAMES = {"train": "train", "val": "val", "test": "test"}


def _table(rows: Iterable[Item], **columns: Callable[[Item], object]) -> pd.DataFrame:
    return frame_of(rows, label=lambda row: row.labels[0], **columns)


@layout("Kaggle, Intel scenes", "seg_train/seg_train and seg_test/seg_test, and a folder seg_pred without classes")
def intel_scenes(folder: Path, _: Tools) -> Written:
    """What is to be classified is not learned from."""
    rows = without_texts(split_items("val"))
    write_class_folders(rows, folder, {"train": "seg_train/seg_train", "test": "seg_test/seg_test"})
    for number in range(400, 404):
        write_picture(folder / "seg_pred" / "seg_pred" / f"{number}.png", number)
    return Written(folder, rows, rejects=4, says=("val taken from train",))


@layout("by hand", "class folders, each with folders train, val and test inside")
def splits_in_class_folders(folder: Path, _: Tools) -> Written:
    """The class comes first."""
    rows = without_texts(split_items())
    for row in rows:
        write_picture(folder / row.labels[0] / (row.split or "") / f"{row.picture}.png", row.picture)
    return Written(folder, rows, says=("the names of the folders in its class folders",))


@layout("Kaggle, chest X-rays", "chest_xray/train and so on, unpacked by macOS onto a Synology")
def folders_of_systems(folder: Path, _: Tools) -> Written:
    """With ``__MACOSX``, ``.DS_Store``, ``Thumbs.db``, ``@eaDir`` and Jupyter's checkpoints."""
    rows = without_texts(split_items())
    write_class_folders(rows, folder / "chest_xray", _NAMES)
    for name in ("__MACOSX/chest_xray/train/cat", "@eaDir", "chest_xray/train/cat/.ipynb_checkpoints"):
        write_picture(folder / name / "._1.png", 450)
        write_picture(folder / name / "2.png", 451)
    for name in (".DS_Store", "chest_xray/train/Thumbs.db", "chest_xray/.DS_Store"):
        (folder / name).write_bytes(b"x")
    return Written(folder, rows, says=("train, val, test; kept",))


@layout("Hugging Face Hub, by hand", "a repository whose README.md gives the files a.csv, b.csv and c.csv their splits")
def splits_in_the_readme(folder: Path, _: Tools) -> Written:
    """``configs`` with ``data_files`` in the front matter."""
    rows = split_items()
    write_pictures(rows, folder / "images")
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split, name in (("train", "a"), ("validation", "b"), ("test", "c")):
        of_split = [row for row in rows if row.split == {"validation": "val"}.get(split, split)]
        _table(of_split).to_csv(folder / f"{name}.csv", index=False)
        lines += [f"  - split: {split}", f"    path: {name}.csv"]
    (folder / "README.md").write_text("\n".join([*lines, "---", "# Pets"]), encoding="utf-8")
    return Written(folder, rows, says=("declared by its README.md",))


@layout("Google AutoML, by hand", "CSV without header: TRAIN, VALIDATION or TEST, the path, the label")
def automl_csv(folder: Path, _: Tools) -> Written:
    """The column of splits comes first."""
    rows = without_texts(split_items())
    write_pictures(rows, folder / "images")
    words = {"train": "TRAIN", "val": "VALIDATION", "test": "TEST"}
    lines = [f"{words[row.split or '']},images/{row.picture}.png,{row.labels[0]}" for row in rows]
    (folder / "import.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Written(folder / "import.csv", rows, says=("kept",))


@layout("Vertex AI, by hand", "JSON Lines with the label and ml_use inside of objects")
def vertex_ai(folder: Path, _: Tools) -> Written:
    """A key has dots of its own."""
    rows = without_texts(split_items())
    write_pictures(rows, folder / "images")
    words = {"train": "training", "val": "validation", "test": "test"}
    objects = [
        {
            "imageGcsUri": f"images/{row.picture}.png",
            "classificationAnnotation": {"displayName": row.labels[0]},
            "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": words[row.split or ""]},
        }
        for row in rows
    ]
    path = write_json_lines(folder / "import.jsonl", objects)
    return Written(path, rows, says=("kept",))


@layout("pandas", "a table with a column set of tr and te")
def short_names(folder: Path, _: Tools) -> Written:
    """As short as names of splits are written."""
    rows = split_items("val")
    write_pictures(rows, folder / "images")
    table = _table(rows, set=lambda row: "te" if row.split else "tr")
    table.to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, says=("kept", "val taken from train"))


@layout("CUB-200, as a table", "a column is_training_image of 1 and 0")
def a_column_is_training_image(folder: Path, _: Tools) -> Written:
    """What is not train is test."""
    rows = split_items("val")
    write_pictures(rows, folder / "images")
    table = _table(rows, is_training_image=lambda row: int(row.split is None))
    table.to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, says=("val taken from train",))


@layout("pandas", "a table with a column fold of 0 to 4")
def a_column_of_folds(folder: Path, _: Tools) -> Written:
    """Folds are no splits, and it is said."""
    rows = items()
    write_pictures(rows, folder / "images")
    _table(rows, fold=lambda row: row.picture % 5).to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, says=("rows are split anew: 'fold' (0, 1, 2 ...)",))


@layout("by hand", "folders fold_1 to fold_3 above class folders")
def folders_of_folds(folder: Path, _: Tools) -> Written:
    """The inner folders are the classes."""
    rows = without_texts(items())
    for row in rows:
        write_picture(folder / f"fold_{row.picture % 4}" / row.labels[0] / f"{row.picture}.png", row.picture)
    return Written(folder, rows, says=("Unsure\n  data.class_folder: leaf",))


@layout("Kaggle", "train.csv with labels, and test.csv with -1 in their place")
def test_of_minus_one(folder: Path, _: Tools) -> Written:
    """The only label of test, which train lacks, is none."""
    rows, unlabelled = items(), items(40)[30:]
    write_pictures([*rows, *unlabelled], folder / "images")
    _table(rows).to_csv(folder / "train.csv", index=False)
    frame_of(unlabelled, label=lambda _: -1).to_csv(folder / "test.csv", index=False)
    says = ("'-1' is the only label of test, and none of train's", "test has no labels")
    return Written(folder, rows, rejects=len(unlabelled), says=says)


@layout("Caffe, by hand", "train.txt and test.txt of paths and numbers, beside the images")
def lists_of_caffe(folder: Path, _: Tools) -> Written:
    """Parted by a blank, without header."""
    numbers = {"bird": "0", "cat": "1", "dog": "2"}
    rows = [replace(row, labels=(numbers[row.labels[0]],)) for row in without_texts(split_items("val"))]
    write_pictures(rows, folder / "images")
    for split in (None, "test"):
        lines = [f"images/{row.picture}.png {row.labels[0]}\n" for row in rows if row.split == split]
        (folder / f"{split or 'train'}.txt").write_text("".join(lines), encoding="utf-8")
    return Written(folder, rows, says=("train (train.txt), test (test.txt); kept",))


@layout("WebDataset", "folders train, val and test of shards that are named by numbers alone")
def folders_of_shards(folder: Path, _: Tools) -> Written:
    """ShardWriter, once for each split."""
    rows = split_items()
    for split in _NAMES:
        (folder / split).mkdir()
        write_shards(folder / split / "%06d.tar", [row for row in rows if row.split == split], 7)
    return Written(
        folder, rows, says=("train (train/000000.tar, train/000001.tar, train/000002.tar), val (val/000000",)
    )


@layout("pandas", "train.csv beside train, val and test above class folders")
def a_table_of_train_beside_folders(folder: Path, _: Tools) -> Written:
    """The table has nothing that the folders lack."""
    rows = without_texts(split_items())
    write_class_folders(rows, folder, _NAMES)
    lines = [(f"train/{row.labels[0]}/{row.picture}.png", row.labels[0]) for row in rows if row.split == "train"]
    pd.DataFrame(lines, columns=["image", "label"]).to_csv(folder / "train.csv", index=False)
    return Written(folder, rows, says=("by the names of its folders",))


@layout("GTSRB", "Train.csv and Test.csv of numbers and paths, Meta.csv, and signnames.csv")
def traffic_signs(folder: Path, _: Tools) -> Written:
    """Classes are named in another table."""
    rows, names = without_texts(split_items("val")), ["bird", "cat", "dog"]
    for row in rows:
        write_picture(folder / f"all/{row.picture:05d}.png", row.picture)
    for split in (None, "test"):
        lines = [
            {"Width": 48, "Roi.X1": 5, "ClassId": names.index(row.labels[0]), "Path": f"all/{row.picture:05d}.png"}
            for row in rows
            if row.split == split
        ]
        pd.DataFrame(lines).to_csv(folder / f"{(split or 'train').title()}.csv", index=False)
    for number in range(3):
        write_picture(folder / f"Meta/{number}.png", 400 + number)
    pd.DataFrame({"Path": [f"Meta/{number}.png" for number in range(3)], "ClassId": range(3), "ShapeId": 0}).to_csv(
        folder / "Meta.csv", index=False
    )
    pd.DataFrame({"ClassId": range(3), "SignName": names}).to_csv(folder / "signnames.csv", index=False)
    return Written(folder, rows, says=("'signnames.csv' names 3",))
