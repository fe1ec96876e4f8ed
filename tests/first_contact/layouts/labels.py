"""Labels as tools write them: numbers with names, one-hot columns, lists, several in a cell, boxes, folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.first_contact.layouts import Written, by_script, layout, register
from tests.first_contact.pictures import Item, items, several, without_texts
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import write_class_folders, write_pictures, write_shards

_CLASS_LABELS, _PANDAS = "hf_class_labels.py", "pandas_labels.py"
_HUGGING_FACE = "Hugging Face datasets"


register(
    "parquet_of_class_labels",
    _HUGGING_FACE,
    "Parquet whose labels are numbers of a ClassLabel",
    by_script((_CLASS_LABELS, "parquet"), "rows.parquet"),
)
register(
    "parquet_of_several_class_labels",
    _HUGGING_FACE,
    "Parquet whose labels are lists of numbers of a ClassLabel",
    by_script((_CLASS_LABELS, "several"), "rows.parquet", several, ("several labels in 24 of 40 rows",)),
)
register(
    "disk_of_class_labels",
    _HUGGING_FACE,
    "save_to_disk of a Dataset with a ClassLabel",
    by_script((_CLASS_LABELS, "disk"), "rows"),
)
register(
    "readme_of_class_labels",
    "Hugging Face Hub",
    "Parquet without metadata; the README.md of the repository names the classes",
    by_script((_CLASS_LABELS, "readme")),
)


def _by_pandas(
    name: str,
    what: str,
    form: Sequence[str],
    rows: Callable[[], list[Item]] = several,
    says: tuple[str, ...] = (),
) -> None:
    """A layout that ``tools/pandas_labels.py`` writes."""
    file = "rows.parquet" if form[0].endswith("parquet") else "rows.csv"
    register(name, "pandas", what, by_script((_PANDAS, *form), file, rows, says))


_by_pandas(
    "csv_of_dummies",
    "CSV with the one-hot columns of get_dummies, with a prefix",
    ["dummies"],
    items,
    ("one of 3 columns holds a 1 in each of 30 rows",),
)
_by_pandas(
    "parquet_of_dummies",
    "Parquet with the one-hot columns of get_dummies, true and false",
    ["dummies_parquet"],
    items,
)
_by_pandas(
    "csv_of_indicators",
    "CSV with a column of zeros and ones for each of several labels",
    ["indicators"],
    says=("24 of 40 rows have several ones", "Unsure"),
)
_by_pandas(
    "csv_of_lists",
    "CSV whose cells hold Python's text of lists",
    ["lists"],
    says=("'labels' holds lists, such as ['cat']",),
)
_by_pandas("csv_of_arrays", "CSV whose cells hold NumPy's text of arrays", ["arrays"])
_by_pandas("csv_of_json_lists", "CSV whose cells hold lists as JSON", ["json"])
_by_pandas("parquet_of_lists", "Parquet with a column of lists", ["lists_parquet"])
_by_pandas(
    "csv_parted_by_bars",
    "CSV with labels parted by vertical bars",
    ["separated", "|"],
    says=("'|' in 24 of 40 cells; each part recurs in other cells",),
)
_by_pandas("csv_parted_by_commas", "CSV with labels parted by commas, in quotes", ["separated", ", "])
register(
    "ndjson_of_lists",
    "Polars",
    "lines of JSON with a column of lists",
    by_script(("polars_lists.py",), "rows.ndjson", several),
)


def _names_with_commas() -> list[Item]:
    names = ("dog, big", "dog, small", "cat, big", "cat, small")
    return [replace(row, labels=(names[row.picture % 4],)) for row in items(40)]


_by_pandas(
    "csv_of_names_with_commas",
    "CSV with commas inside of the names of classes",
    ["separated", ""],
    _names_with_commas,
    ("Unsure", "data.label_separator: ','"),
)


@layout("scikit-learn", "CSV with the columns of MultiLabelBinarizer")
def csv_of_multi_label_binarizer(folder: Path, _: Tools) -> Written:
    """Among other columns of zeros and ones that follow it not."""
    import pandas as pd
    from sklearn.preprocessing import MultiLabelBinarizer

    rows = several()
    write_pictures(rows, folder)
    binarizer = MultiLabelBinarizer()
    ones = binarizer.fit_transform([row.labels for row in rows])
    frame = pd.DataFrame({"file": [f"{row.picture}.png" for row in rows], "text": [row.text for row in rows]})
    frame.join(pd.DataFrame(ones, columns=binarizer.classes_)).to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows)


def _numbered(count: int = 40) -> list[Item]:
    """Rows of classes 1 to 12, the last of which lacks its label."""
    rows = [replace(row, labels=(str(row.picture % 12 + 1),)) for row in items(count)]
    return [*rows[:-1], replace(rows[-1], labels=("",))]


@layout("pandas", "CSV with numbers that a missing label made floats")
def csv_of_floats(folder: Path, tools: Tools) -> Written:
    """``1.0``, ``2.0`` and an empty cell."""
    rows = _numbered()
    tools.run(_PANDAS, folder, rows, "gap")
    return Written(folder / "rows.csv", rows[:-1], rejects=1, says=("1.0 is read as 1",))


@layout("pandas", "Parquet with numbers that a missing label made floats")
def parquet_of_floats(folder: Path, tools: Tools) -> Written:
    """``1.0``, ``2.0`` and NaN."""
    rows = _numbered()
    tools.run(_PANDAS, folder, rows, "gap_parquet")
    return Written(folder / "rows.parquet", rows[:-1], rejects=1)


@layout("pandas", "CSV with numbers, and classes.txt with their names")
def csv_beside_classes(folder: Path, tools: Tools) -> Written:
    """A name a line, from 0."""
    rows = items()
    names = sorted({row.labels[0] for row in rows})
    numbers = [replace(row, labels=(str(names.index(row.labels[0])),)) for row in rows]
    tools.run(_PANDAS, folder, numbers, "separated", "")
    (folder / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return Written(folder / "rows.csv", rows, says=("'classes.txt' names 3",))


@layout("WebDataset", "shards with .cls files of numbers, and classes.txt with their names")
def shards_beside_classes(folder: Path, _: Tools) -> Written:
    """Numbered lines, as in CUB-200."""
    rows = items()
    names = sorted({row.labels[0] for row in rows})
    numbers = [replace(row, labels=(str(names.index(row.labels[0]) + 1),)) for row in rows]
    write_shards(folder / "part-%03d.tar", numbers, 12)
    (folder / "classes.txt").write_text("".join(f"{n} {name}\n" for n, name in enumerate(names, start=1)))
    return Written(folder, rows)


@layout("TensorFlow Datasets", "store_as_tfds_dataset with a ClassLabel")
def tfds_of_class_labels(folder: Path, _: Tools) -> Written:
    """The names are in label.labels.txt."""
    import tensorflow_datasets as tfds

    rows = items()
    names = sorted({row.labels[0] for row in rows})
    features = tfds.features.FeaturesDict(
        {"image": tfds.features.Image(), "text": tfds.features.Text(), "label": tfds.features.ClassLabel(names=names)}
    )
    pictures = folder / "pictures"
    write_pictures(rows, pictures)
    examples = [
        (row.picture, {"image": pictures / f"{row.picture}.png", "text": row.text, "label": row.labels[0]})
        for row in rows
    ]
    tfds.dataset_builders.store_as_tfds_dataset(
        "rows", "1.0.0", features, {"train": examples}, data_dir=folder / "data", disable_shuffling=True
    )
    return Written(folder / "data" / "rows" / "1.0.0", rows)


def _several_without_texts() -> list[Item]:
    return without_texts(several())


# Two boxes of each label: one example an image, with the set of its labels.
register(
    "coco_of_globox",
    "Globox",
    "COCO boxes, beside the folder images/",
    by_script(("globox_coco.py",), "boxes.json", _several_without_texts, ("several labels in 24 of 40 rows",)),
)
register(
    "coco_of_labelformat",
    "Labelformat",
    "COCO boxes, of a YOLO data set",
    by_script(("labelformat_coco.py",), "train.json", _several_without_texts),
)


def _coco(rows: Sequence[Item], names: Sequence[str]) -> dict[str, Any]:
    """A COCO document of a box for each label."""
    boxes = [(row.picture, names.index(label)) for row in rows for label in row.labels]
    return {
        "info": {"description": "rows of ours"},
        "licenses": [],
        "categories": [{"id": n, "name": name, "supercategory": "animals"} for n, name in enumerate(names)],
        "images": [{"id": row.picture, "file_name": f"{row.picture}.png", "width": 48, "height": 40} for row in rows],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": [1, 2, 9, 9], "area": 81, "iscrowd": 0}
            for n, (image, category) in enumerate(boxes)
        ],
    }


@layout("Roboflow, by hand", "train/_annotations.coco.json beside its images, likewise valid/ and test/")
def coco_of_roboflow(folder: Path, _: Tools) -> Written:
    """A category of no box stands first."""
    splits = ("train", "train", "train", "val", "test")
    rows = [replace(row, split=splits[row.picture // 8]) for row in without_texts(several())]
    for split, name in (("train", "train"), ("val", "valid"), ("test", "test")):
        chosen = [row for row in rows if row.split == split]
        write_pictures(chosen, folder / name)
        document = _coco(chosen, ["animals", "bird", "cat", "dog"])
        (folder / name / "_annotations.coco.json").write_text(json.dumps(document))
    (folder / "README.roboflow.txt").write_text("Exported from roboflow.com\n")
    return Written(folder, rows)


@layout("FiftyOne, by hand", "labels.json beside data/")
def coco_of_fiftyone(folder: Path, _: Tools) -> Written:
    """COCODetectionDataset."""
    rows = without_texts(several())
    write_pictures(rows, folder / "data")
    (folder / "labels.json").write_text(json.dumps(_coco(rows, ["bird", "cat", "dog"])))
    return Written(folder, rows)


@layout("by hand", "class folders inside of one folder")
def class_folders_in_a_folder(folder: Path, _: Tools) -> Written:
    """``pictures/cat/1.png``."""
    rows = without_texts(items())
    write_class_folders(rows, folder, {"train": "pictures"})
    return Written(folder, rows, says=("all images lie in 'pictures', so the inner folders are the classes",))


@layout("by hand", "class folders of folders")
def nested_class_folders(folder: Path, _: Tools) -> Written:
    """``bird/parrot/1.png``: the top folder, and init says what else may be meant."""
    rows = without_texts(items())
    for row in rows:
        write_pictures([row], folder / row.labels[0] / f"kind {row.picture % 2} of {row.labels[0]}")
    return Written(folder, rows, says=("Unsure", "data.class_folder: leaf, if the 6 inner folders are the classes"))


@layout("Keras, by hand", "numbered class folders, 1 to 12")
def numbered_class_folders(folder: Path, _: Tools) -> Written:
    """As image_dataset_from_directory reads them."""
    rows = without_texts(replace(row, labels=(str(row.picture % 12 + 1),)) for row in items(48))
    write_class_folders(rows, folder, {"train": "."})
    return Written(folder, rows)
