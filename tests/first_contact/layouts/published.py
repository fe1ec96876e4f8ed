"""Layouts of data sets that many people know, with rows of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.first_contact.layouts import Written, by_script, layout, register
from tests.first_contact.pictures import Item, items, split_items
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import write_csv, write_pictures


@layout("Kaggle, Fashion Product Images", "styles.csv of ids, texts with commas and no quotes, and images by id")
def fashion_product_images(folder: Path, _: Tools) -> Written:
    """Some names of products hold commas, and nobody quoted them."""
    rows = [replace(row, text=f"Puma Men Shoe{', Red' * (row.picture % 5 == 0)} {row.picture}") for row in items(40)]
    lines = ["id,gender,masterCategory,year,productDisplayName"]
    lines += [f"{row.picture},Men,{row.labels[0]},2011,{row.text}" for row in rows]
    (folder / "styles.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_pictures(rows, folder / "images", "jpg")
    return Written(folder / "styles.csv", rows)


@layout("fastai, PASCAL 2007", "train.csv with labels parted by spaces and a column is_valid")
def fastai_pascal(folder: Path, _: Tools) -> Written:
    """Several labels; no text."""
    sets = [("car", "person"), ("person",), ("car",), ("chair", "person"), ("chair",)]
    rows = [Item(n, sets[n % 5], "", "val" if n % 4 == 3 else "train") for n in range(40)]
    table = [(f"{row.picture}.jpg", " ".join(row.labels), row.split == "val") for row in rows]
    write_pictures(rows, folder / "train", "jpg")
    return Written(write_csv(folder / "train.csv", ["fname", "labels", "is_valid"], table), _without_test(rows))


def _without_test(rows: list[Item]) -> list[Item]:
    """The rows, where nobody can tell which of train become test."""
    return [replace(row, split=None) for row in rows]


@layout("Kaggle, Planet", "train_v2.csv of names without ending and tags parted by spaces")
def kaggle_planet(folder: Path, _: Tools) -> Written:
    """Several labels; no text."""
    sets = [("clear", "primary"), ("haze", "primary"), ("agriculture", "clear", "primary"), ("cloudy",)]
    rows = [Item(n, sets[n % 4]) for n in range(40)]
    write_pictures(rows, folder / "train-jpg", "jpg")
    table = [(row.picture, " ".join(row.labels)) for row in rows]
    return Written(write_csv(folder / "train_v2.csv", ["image_name", "tags"], table), rows)


@layout("Kaggle", "a folder of train.csv, test.csv without labels, and a folder of images")
def kaggle_competition(folder: Path, _: Tools) -> Written:
    """The rows of test.csv have no label, so they are rejected, and val and test are taken from train."""
    rows = items(40)
    write_pictures(rows, folder / "images")
    held_back = 30
    table = [(f"images/{row.picture}.png", row.text, row.labels[0]) for row in rows]
    write_csv(folder / "train.csv", ["image", "text", "label"], table[:held_back])
    write_csv(folder / "test.csv", ["image", "text"], [row[:2] for row in table[held_back:]])
    return Written(folder, rows[:held_back], rejects=len(rows) - held_back)


@layout("PetFinder, as AutoGluon has it", "train.csv and dev.csv whose cells hold several paths parted by semicolons")
def autogluon_petfinder(folder: Path, _: Tools) -> Written:
    """Both images of a cell are equal, so one of them makes an example."""
    rows = items(30, with_splits=True)
    rows = [replace(row, split="train" if row.split == "test" else row.split) for row in rows]
    write_pictures(rows, folder / "images", "jpg")
    for split, name in (("train", "train.csv"), ("val", "dev.csv")):
        table = [
            (row.text, f"images/{row.picture}.jpg;images/{row.picture}.jpg", row.labels[0])
            for row in rows
            if row.split == split
        ]
        write_csv(folder / name, ["Description", "Images", "AdoptionSpeed"], table)
    return Written(folder, _without_test(rows))


@layout("COCO 2017", "annotations/instances_train2017.json beside train2017/, as cocodataset.org has it")
def coco_2017(folder: Path, _: Tools) -> Written:
    """Boxes: one example an image, with the set of its categories."""
    sets = [("cat", "dog"), ("cat",), ("dog", "zebra"), ("zebra",)]
    rows = [Item(n, sets[n % 4], "", ("train", "train", "val")[n % 3]) for n in range(48)]
    names = ["cat", "dog", "zebra"]
    (folder / "annotations").mkdir()
    for split in ("train", "val"):
        chosen = [row for row in rows if row.split == split]
        write_pictures(chosen, folder / f"{split}2017", "jpg")
        boxes = [(row, label) for row in chosen for label in row.labels for _ in range(2)]
        document = {
            "info": {"description": "rows of ours"},
            "licenses": [],
            "images": [{"id": row.picture, "file_name": f"{row.picture}.jpg", "license": 1} for row in chosen],
            "annotations": [
                {
                    "id": n,
                    "image_id": row.picture,
                    "category_id": 10 * names.index(label) + 1,
                    "iscrowd": 0,
                    "bbox": [1, 2, 9, 9],
                    "area": 81,
                    "segmentation": [[1, 2, 10, 2, 10, 11]],
                }
                for n, (row, label) in enumerate(boxes)
            ],
            "categories": [{"id": 10 * n + 1, "name": name, "supercategory": "animal"} for n, name in enumerate(names)],
        }
        (folder / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(document))
    return Written(folder, _without_test(rows))


@layout("RFMiD", "one-hot columns beside ids, images in a folder of another name")
def rfmid(folder: Path, _: Tools) -> Written:
    """Several ones in a row."""
    names = ["ARMD", "DN", "DR", "MH"]
    sets = [("DR",), ("ARMD", "DR"), ("MH",), ("DN", "MH")]
    rows = [Item(n + 1, sets[n % 4]) for n in range(40)]
    write_pictures(rows, folder / "Training")
    table = [[row.picture, *(int(name in row.labels) for name in names)] for row in rows]
    return Written(write_csv(folder / "RFMiD_Training_Labels.csv", ["ID", *names], table), rows)


@layout("Oxford-IIIT Pet", "list.txt parted by spaces, with comments and no header, of names without ending")
def oxford_pets(folder: Path, _: Tools) -> Written:
    """``Abyssinian_100 1 1 1``: the name, the class and two more numbers."""
    rows = [Item(n, (str(n % 3 + 1),)) for n in range(30)]
    lines = ["#Image CLASS-ID SPECIES BREED ID", "#ID: 1:37 Class ids"]
    lines += [f"{row.picture} {row.labels[0]} {row.picture % 2 + 1} 1" for row in rows]
    (folder / "list.txt").write_text("\n".join(lines) + "\n")
    write_pictures(rows, folder / "images", "jpg")
    return Written(folder / "list.txt", rows)


@layout("Flickr30k, with labels", "a table parted by bars with spaces about them, as results.csv")
def flickr_results(folder: Path, _: Tools) -> Written:
    """``image_name| comment| label``."""
    rows = items(30)
    lines = ["image_name| comment| label"]
    lines += [f"{row.picture}.jpg| {row.text}| {row.labels[0]}" for row in rows]
    (folder / "results.csv").write_text("\n".join(lines) + "\n")
    write_pictures(rows, folder / "flickr30k_images", "jpg")
    return Written(folder / "results.csv", rows)


@layout("Caltech-256", "numbered class folders beside a README")
def caltech(folder: Path, _: Tools) -> Written:
    """``001.ak47/001_0001.jpg``; no texts."""
    rows = [replace(row, labels=(f"00{ord(row.labels[0][0]) % 7}.{row.labels[0]}",), text="") for row in items(30)]
    for row in rows:
        write_pictures([row], folder / row.labels[0], "jpg")
    (folder / "README.txt").write_text("Thirty images.")
    return Written(folder, rows)


register(
    "cloned_repository",
    "Hugging Face Hub",
    "a cloned repository: README.md with YAML, data/train-00000-of-00002.parquet and so on",
    by_script(("hub_repository.py",), rows=split_items),
)


@layout("LibreOffice, by hand", "CSV parted by semicolons, in CP1252, of ids whose images lie in a folder")
def semicolons_and_ids(folder: Path, _: Tools) -> Written:
    """``1;chat;"une fenêtre"``."""
    rows = [replace(row, text=f"image numéro {row.picture}, vue de côté") for row in items(60)]
    table = [(row.picture, row.labels[0], row.text) for row in rows]
    lines = ["id;label;texte", *(f'{number};{label};"{text}"' for number, label, text in table)]
    (folder / "catalogue.csv").write_text("\n".join(lines) + "\n", encoding="cp1252")
    write_pictures(rows, folder / "photos", "jpg")
    return Written(folder / "catalogue.csv", rows)
