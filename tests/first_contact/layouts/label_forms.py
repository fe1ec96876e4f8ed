"""Forms of labels in bug reports and public datasets: signs in one-hot columns, several columns, boxes, names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tests.first_contact.layouts import Written, by_script, layout, register
from tests.first_contact.pictures import Item, items, picture_bytes, several, without_texts
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import frame_of, write_class_folders, write_json_lines, write_picture, write_pictures

_CLASSES = ("bird", "cat", "dog")


def _marked(folder: Path, rows: list[Item], one: object, zero: object) -> Path:
    """A table with a column for each class."""
    write_pictures(rows, folder / "images")
    table = frame_of(rows)
    for name in _CLASSES:
        table[name] = [one if name in row.labels else zero for row in rows]
    table.to_csv(folder / "rows.csv", index=False)
    return folder / "rows.csv"


@layout("CelebA", "CSV with a column of 1 and -1 for each attribute")
def celeba(folder: Path, _: Tools) -> Written:
    """-1 stands where others have 0."""
    rows = several()
    return Written(_marked(folder, rows, 1, -1), rows, says=("-1 in 3 of the 3 columns counts as no label",))


@layout("CheXpert", "CSV with a column of 1, 0, -1 and nothing for each finding")
def chexpert(folder: Path, _: Tools) -> Written:
    """-1 means that the radiologist was unsure."""
    rows = several()
    path = _marked(folder, rows, 1.0, None)
    table = pd.read_csv(path)
    table["bird"] = [1.0 if "bird" in row.labels else -1.0 if row.picture % 7 == 0 else 0.0 for row in rows]
    table.to_csv(path, index=False)
    return Written(path, rows, says=("though it may mean unsure beside 0 and 1", "which rejects rows that hold it"))


@layout("Microsoft Forms, by hand", "CSV with a column of Y and N for each class")
def yes_and_no(folder: Path, _: Tools) -> Written:
    """Several may be Y."""
    rows = several()
    return Written(_marked(folder, rows, "Y", "N"), rows)


@layout("Excel, by hand", "CSV with an x in the column of the class")
def crosses(folder: Path, _: Tools) -> Written:
    """The other cells are empty."""
    rows = items()
    return Written(_marked(folder, rows, "x", ""), rows, says=("one-hot",))


@layout("Kaggle, Plant Pathology", "one-hot columns beside ids such as Train_0")
def plant_pathology(folder: Path, _: Tools) -> Written:
    """Ids that begin like the name of a split."""
    rows = without_texts(items())
    for row in rows:
        write_picture(folder / "images" / f"Train_{row.picture}.jpg", row.picture)
    table = pd.DataFrame({"image_id": [f"Train_{row.picture}" for row in rows]})
    for name in _CLASSES:
        table[name] = [int(name in row.labels) for row in rows]
    table.to_csv(folder / "train.csv", index=False)
    return Written(folder / "train.csv", rows, says=("images/{image_id}.jpg",))


@layout("pandas", "CSV with the columns label1, label2 and label3")
def numbered_columns(folder: Path, _: Tools) -> Written:
    """The last ones are empty where a row has fewer labels."""
    rows = several()
    write_pictures(rows, folder / "images")
    columns = {f"label{place + 1}": lambda row, place=place: (*row.labels, "", "")[place] for place in range(3)}
    frame_of(rows, **columns).to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, says=("3 columns hold labels of the same names",))


@layout("by hand", "CSV with labels parted by &")
def parted_by_and(folder: Path, _: Tools) -> Written:
    """With blanks about it."""
    rows = several()
    write_pictures(rows, folder / "images")
    frame_of(rows, label=lambda row: " & ".join(row.labels)).to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, says=("'&' in 24 of 40 cells",))


@layout("pandas", "CSV with the number of the class in one column, and its name in another")
def numbers_and_names(folder: Path, _: Tools) -> Written:
    """The name is the label."""
    rows = items()
    write_pictures(rows, folder / "images")
    columns = {"label": lambda row: _CLASSES.index(row.labels[0]), "class_name": lambda row: row.labels[0]}
    frame_of(rows, **columns).to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, says=("or data.columns.label: label",))


@layout("Hugging Face transformers, by hand", "CSV of numbers, whose names are in the config.json of a model")
def names_of_a_model(folder: Path, _: Tools) -> Written:
    """As ``id2label``."""
    rows = items()
    write_pictures(rows, folder / "images")
    frame_of(rows, label=lambda row: _CLASSES.index(row.labels[0])).to_csv(folder / "rows.csv", index=False)
    config = {"model_type": "vit", "id2label": dict(enumerate(_CLASSES))}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return Written(folder / "rows.csv", rows, says=("'config.json' names 3",))


@layout("LabelMe, by hand", "a JSON file of shapes beside each image")
def labelme(folder: Path, _: Tools) -> Written:
    """A class may be drawn several times."""
    rows = without_texts(several())
    write_pictures(rows, folder, "jpg")
    for row in rows:
        shapes = [{"label": label, "points": [[1, 1], [9, 9]], "group_id": None} for label in row.labels * 2]
        document = {"version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": f"{row.picture}.jpg"}
        (folder / f"{row.picture}.json").write_text(json.dumps(document), encoding="utf-8")
    return Written(folder, rows, says=("shapes.label",))


register(
    "parquet_of_boxes",
    "Hugging Face datasets",
    "Parquet of boxes, with a list of categories in the column objects",
    by_script(("hf_boxes.py",), "rows.parquet", lambda: without_texts(several()), ("objects.category",)),
)


@layout("by hand", "JSON Lines with a list of objects, each of a box and its label")
def lines_of_boxes(folder: Path, _: Tools) -> Written:
    """The labels lie in objects in a list."""
    rows = without_texts(several())
    write_pictures(rows, folder / "images")
    lines = [
        {"image": f"images/{row.picture}.png", "boxes": [{"label": label, "at": [1, 2, 3, 4]} for label in row.labels]}
        for row in rows
    ]
    return Written(write_json_lines(folder / "rows.jsonl", lines), rows, says=("boxes.label",))


@layout("TensorFlow object detection, by hand", "TFRecord files with lists of numbers and of names of classes")
def records_of_boxes(folder: Path, _: Tools) -> Written:
    """``image/object/class/text`` names what ``image/object/class/label`` numbers."""
    import tensorflow as tf

    def texts(*values: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    rows = without_texts(several())
    with tf.io.TFRecordWriter(str(folder / "pets.tfrecord")) as writer:
        for row in rows:
            numbers = [_CLASSES.index(label) + 1 for label in row.labels * 2]
            features = {
                "image/encoded": texts(picture_bytes(row.picture)),
                "image/source_id": texts(b"%d.png" % row.picture),
                "image/object/bbox/xmin": tf.train.Feature(float_list=tf.train.FloatList(value=[0.1] * len(numbers))),
                "image/object/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=numbers)),
                "image/object/class/text": texts(*(label.encode() for label in row.labels * 2)),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return Written(folder / "pets.tfrecord", rows)


@layout("SageMaker Ground Truth, by hand", "output.manifest of numbers, with names in their metadata")
def ground_truth(folder: Path, _: Tools) -> Written:
    """JSON Lines of another ending."""
    rows = without_texts(items())
    write_pictures(rows, folder / "images")
    lines = [
        {
            "source-ref": f"images/{row.picture}.png",
            "pets": _CLASSES.index(row.labels[0]),
            "pets-metadata": {"class-name": row.labels[0], "confidence": 0.9, "job-name": "labeling-job/pets"},
        }
        for row in rows
    ]
    return Written(write_json_lines(folder / "output.manifest", lines), rows, says=("pets-metadata.class-name",))


@layout("TensorFlow object detection, by hand", "CSV of boxes: filename, class, xmin and so on, a row for each box")
def csv_of_boxes(folder: Path, _: Tools) -> Written:
    """Rows are examples of one label each, and it is said."""
    rows = without_texts(several())
    write_pictures(rows, folder / "images")
    box = {"xmin": 1, "ymin": 2, "xmax": 30, "ymax": 31}
    lines = [
        {"filename": f"images/{row.picture}.png", "width": 48, "height": 40, "class": label, **box}
        for row in rows
        for label in row.labels
    ]
    pd.DataFrame(lines).to_csv(folder / "labels.csv", index=False)
    read = [replace(row, labels=(label,)) for row in rows for label in row.labels]
    says = ("name 40 images, 24 of them with different labels; xmin, ymin, xmax, ymax are the columns of boxes",)
    return Written(folder / "labels.csv", read, says=says)


@layout("by hand", "class folders that are named null, NaN and None")
def folders_named_null(folder: Path, _: Tools) -> Written:
    """The name of a folder is never a missing value."""
    names = {"bird": "null", "cat": "NaN", "dog": "None"}
    rows = [replace(row, labels=(names[row.labels[0]],)) for row in without_texts(items())]
    write_class_folders(rows, folder, {"train": "."})
    return Written(folder, rows)


@layout("NIH chest X-rays", "CSV of findings parted by bars, with patients, beside a list of the test")
def nih_chest_x_rays(folder: Path, _: Tools) -> Written:
    """A patient's images stay in one split; the list is not read, and it is said."""
    rows = without_texts(several())
    write_pictures(rows, folder / "images")
    table = pd.DataFrame(
        {
            "Image Index": [f"{row.picture}.png" for row in rows],
            "Finding Labels": ["|".join(row.labels) for row in rows],
            "Follow-up #": [row.picture % 3 for row in rows],
            "Patient ID": [row.picture // 3 for row in rows],
            "Patient Gender": ["FM"[row.picture % 2] for row in rows],
        }
    )
    table.to_csv(folder / "Data_Entry.csv", index=False)
    (folder / "test_list.txt").write_text("1.png\n2.png\n", encoding="utf-8")
    return Written(
        folder / "Data_Entry.csv", rows, says=("data.split_by             Patient ID", "not read: test_list")
    )


@layout("pandas", "CSV of species, genus and family")
def ranks_of_species(folder: Path, _: Tools) -> Written:
    """Rows of one family are no group: a split would have classes of its own."""
    families = {"bird": "Aves", "cat": "Felidae", "dog": "Canidae"}
    rows = items()
    write_pictures(rows, folder / "images")
    table = frame_of(rows, species=lambda row: row.labels[0], family=lambda row: families[row.labels[0]])
    table.to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, says=("data.columns.label        species",))
