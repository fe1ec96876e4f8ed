"""Rows whose image is not simply the path of a file beside the catalogue, and rows with several texts or none."""

from __future__ import annotations

import base64
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import webdataset as wds

from tests.first_contact.layouts import Written, by_script, layout, register
from tests.first_contact.pictures import Item, items, picture_bytes
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import write_csv, write_picture, write_pictures


def _write_images(rows: Sequence[Item], names: Sequence[str | Path], folder: Path) -> None:
    for row, name in zip(rows, names, strict=True):
        write_picture(folder / name, row.picture)


def _frame(rows: Sequence[Item], **columns: Sequence[Any]) -> pd.DataFrame:
    """The columns, then the rows' texts and labels."""
    return pd.DataFrame({**columns, "caption": [row.text for row in rows], "label": [row.labels[0] for row in rows]})


_LOCAL_FILES = "/data/local-files/?d=upload/1/"
register(
    "label_studio_csv",
    "Label Studio",
    "CSV export, with the folder of media that was uploaded",
    by_script(("label_studio.py", "CSV", "/data/upload/1/"), "result.csv", says=("replace",)),
)
register(
    "label_studio_local_files",
    "Label Studio",
    "JSON-MIN export of files in local storage",
    by_script(("label_studio.py", "JSON_MIN", _LOCAL_FILES), "result.json"),
)
register(
    "label_studio_tasks",
    "Label Studio",
    "JSON export, of tasks with all of their annotations",
    by_script(("label_studio.py", "JSON", _LOCAL_FILES), "result.json"),
)


@layout("pandas", "CSV of ids, as on Kaggle, with the images in a folder")
def ids_without_endings(folder: Path, _: Tools) -> Written:
    """``0a3f`` for ``train_images/0a3f.jpg``."""
    rows = items()
    ids = [f"{row.picture * 2654435761 % 2**32:08x}" for row in rows]
    _write_images(rows, [f"train_images/{one}.jpg" for one in ids], folder)
    _frame(rows, image_id=ids).to_csv(folder / "train.csv", index=False)
    return Written(folder / "train.csv", rows, says=("train_images/{image_id}.jpg", "30 of 30 sampled rows"))


@layout("pandas", "CSV of ids that have lost the zeros that their files have")
def ids_without_zeros(folder: Path, _: Tools) -> Written:
    """``139`` for ``000000000139.jpg``, as the files of COCO are called."""
    rows = items()
    numbers = [13 * row.picture + 100 for row in rows]
    _write_images(rows, [f"images/{number:012d}.jpg" for number in numbers], folder)
    _frame(rows, image_id=numbers).to_csv(folder / "captions.csv", index=False)
    return Written(folder / "captions.csv", rows, says=("images/{image_id:012d}.jpg",))


def _numbers_made_floats(folder: Path, name: str) -> tuple[list[Item], pd.DataFrame]:
    """Writes images by a pattern of their number; returns the rows, and a table that has another without a number."""
    rows = items()
    numbers = [float(row.picture + 10) for row in rows]
    _write_images(rows, [name.format(int(number)) for number in numbers], folder)
    return rows, _frame([*rows, replace(rows[0], text="no image of it")], number=[*numbers, np.nan])


@layout("pandas", "CSV of numbers that a missing one has made floats")
def ids_made_floats(folder: Path, _: Tools) -> Written:
    """``17.0`` for ``images/17.png``."""
    rows, frame = _numbers_made_floats(folder, "images/{}.png")
    frame.to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, rejects=1, says=("images/{number:d}.png",))


@layout("pandas", "Parquet of numbers that a missing one has made floats")
def parquet_ids_made_floats(folder: Path, _: Tools) -> Written:
    """``17.0`` for ``17.png``."""
    rows, frame = _numbers_made_floats(folder, "{}.png")
    frame.to_parquet(folder / "rows.parquet")
    return Written(folder / "rows.parquet", rows, rejects=1)


@layout("pandas", "CSV of names without endings, of which the files have two")
def names_of_two_endings(folder: Path, _: Tools) -> Written:
    """``photo-7`` for ``photos/photo-7.jpg`` or ``photos/photo-7.png``."""
    rows = items()
    names = [f"photo-{row.picture}" for row in rows]
    endings = (".jpg", ".png", ".png")
    _write_images(rows, [f"photos/{name}{endings[place % 3]}" for place, name in enumerate(names)], folder)
    _frame(rows, image=names).to_csv(folder / "photos.csv", index=False)
    return Written(folder / "photos.csv", rows, says=("endings",))


@layout("pandas", "CSV of file names, with a folder for each class")
def names_in_class_folders(folder: Path, _: Tools) -> Written:
    """``1.png`` and ``cat`` for ``images/cat/1.png``; each folder counts anew."""
    rows = items()
    names = [f"{place // 3}.png" for place in range(len(rows))]
    _write_images(rows, [f"images/{row.labels[0]}/{name}" for row, name in zip(rows, names, strict=True)], folder)
    _frame(rows, filename=names).to_csv(folder / "labels.csv", index=False)
    return Written(folder / "labels.csv", rows, says=("images/{label}/{filename}",))


@layout("Keras, by hand", "the data frame of flow_from_dataframe, and its directory")
def names_below_another_folder(folder: Path, _: Tools) -> Written:
    """``filename`` and ``class``; files lie in ``dataset/photos``."""
    rows = items()
    names = [f"{row.picture:03d}.png" for row in rows]
    _write_images(rows, [f"dataset/photos/{name}" for name in names], folder)
    _frame(rows, filename=names).rename(columns={"label": "class"}).to_csv(folder / "frame.csv")
    return Written(folder / "frame.csv", rows, says=("images_root",))


@layout("Excel on Windows, by hand", "CSV with a mark of its byte order, absolute paths and backslashes")
def csv_of_windows(folder: Path, _: Tools) -> Written:
    r"""``D:\Photos\pets\pictures\No 7.PNG``; on the disk it is ``pictures/No 7.png``."""
    rows = items()
    _write_images(rows, [f"pictures/No {row.picture}.png" for row in rows], folder)
    table = [(rf"D:\Photos\pets\pictures\No {row.picture}.PNG", row.text, row.labels[0]) for row in rows]
    path = write_csv(folder / "pets.csv", ["Picture", "Description", "Class"], table, "utf-8-sig")
    return Written(path, rows, says=("replace",))


def _csv_of_paths(path: Path, column: str, written: str, on_disk: str, says: tuple[str, ...] = ()) -> Written:
    """A CSV file of paths, and the files beside it by another path; ``{}`` is the number of the picture."""
    rows = items()
    _write_images(rows, [on_disk.format(row.picture) for row in rows], path.parent)
    _frame(rows, **{column: [written.format(row.picture) for row in rows]}).to_csv(path, index=False)
    return Written(path, rows, says=says)


@layout("pandas", "CSV with relative paths of Windows")
def relative_paths_of_windows(folder: Path, _: Tools) -> Written:
    """Backslashes."""
    return _csv_of_paths(folder / "pets.csv", "path", r"pictures\{}.png", "pictures/{}.png")


@layout("macOS, by hand", "archive whose names have their accents apart, and a CSV that has them joined")
def names_of_macos(folder: Path, _: Tools) -> Written:
    """``Kätzchen/é 7.png``, decomposed (NFD) on the disk and composed (NFC) in the table."""
    rows = items()
    names = [f"Kätzchen/é {row.picture}.png" for row in rows]
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        for row, name in zip(rows, names, strict=True):
            archive.writestr(unicodedata.normalize("NFD", name), picture_bytes(row.picture))
            archive.writestr(unicodedata.normalize("NFD", f"__MACOSX/Kätzchen/._é {row.picture}.png"), b"\0\5\x16\7")
    with zipfile.ZipFile(folder / "archive.zip") as archive:
        archive.extractall(folder)
    (folder / "archive.zip").unlink()
    composed = [unicodedata.normalize("NFC", name) for name in names]
    _frame(rows, image=composed).to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows)


@layout("pandas", "CSV with absolute paths of another machine")
def paths_of_another_machine(folder: Path, _: Tools) -> Written:
    """Files of a drive that is not at hand."""
    root = "/Volumes/Photos/pets/"
    return _csv_of_paths(folder / "index.csv", "filepath", root + "img/{}.png", "img/{}.png", (root,))


@layout("pandas", "CSV with absolute paths below its own folder")
def absolute_paths(folder: Path, _: Tools) -> Written:
    """As ``glob`` gives them."""
    written = f"{folder}/img/{{}}.png"
    return _csv_of_paths(folder / "index.csv", "filepath", written, "img/{}.png", ("may be moved",))


@layout("a web shop", "export with quoted paths of its site, and the files under their own names")
def quoted_paths(folder: Path, _: Tools) -> Written:
    """Umlauts, blanks, ``#`` and ``?``."""
    name = "Grüner Hut #{}?.jpg"
    return _csv_of_paths(folder / "products.csv", "image_link", f"/media/{quote(name, safe='{}')}", f"media/{name}")


@layout("a web shop", "export with URLs, whose files have been fetched")
def urls_of_fetched_files(folder: Path, _: Tools) -> Written:
    """With a query."""
    site = "https://cdn.example.com/shop/"
    return _csv_of_paths(folder / "products.csv", "image_url", site + "{}.png?width=800", "fetched/{}.png", (site,))


def _rows_of_two_images(folder: Path) -> tuple[list[Item], list[list[str]], list[Item]]:
    """Writes images into the folder: the rows, the names of their images, and the rows that come of them.

    A third of the rows have two images. Each image makes a row.
    """
    rows = items(24)
    pictures = [[place, 100 + place] if place % 3 == 0 else [place] for place in range(24)]
    every = [replace(row, picture=one) for row, some in zip(rows, pictures, strict=True) for one in some]
    write_pictures(every, folder)
    return rows, [[f"{one}.png" for one in some] for some in pictures], every


@layout("AutoGluon, by hand", "CSV with several image paths in a cell, parted by semicolons")
def autogluon_multimodal(folder: Path, _: Tools) -> Written:
    """As in its tutorial on pets: ``images/7-1.png;images/7-2.png``."""
    rows, names, every = _rows_of_two_images(folder / "images")
    cells = [";".join(f"images/{name}" for name in some) for some in names]
    _frame(rows, Images=cells).to_csv(folder / "train.csv", index=False)
    return Written(folder / "train.csv", every, says=("data.paths.several: first",))


@layout("pandas", "JSON Lines with lists of image paths")
def lists_of_paths(folder: Path, _: Tools) -> Written:
    """``"images": ["a.png", "b.png"]``."""
    rows, names, every = _rows_of_two_images(folder)
    _frame(rows, images=names).to_json(folder / "rows.jsonl", orient="records", lines=True)
    return Written(folder / "rows.jsonl", every)


@layout("pandas", "CSV with lists of image paths as Python writes them")
def written_lists_of_paths(folder: Path, _: Tools) -> Written:
    """``['a.png', 'b.png']`` in a cell."""
    rows, names, every = _rows_of_two_images(folder / "images")
    _frame(rows, images=names).to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", every)


@layout("Hugging Face datasets, by hand", "imagefolder with metadata three folders down")
def deep_metadata(folder: Path, _: Tools) -> Written:
    """``pets/2023/spring/metadata.jsonl`` and others of its kind."""
    rows = items()
    for number, part in enumerate(("2023/spring", "2023/autumn", "2024/spring")):
        some = rows[number::3]
        names = [f"{row.picture}.png" for row in some]
        _write_images(some, names, folder / "pets" / part)
        frame = _frame(some, file_name=names)
        frame.to_json(folder / "pets" / part / "metadata.jsonl", orient="records", lines=True)
    return Written(folder, rows)


@layout("Hugging Face datasets, by hand", "imagefolder with lists of file_names")
def lists_of_file_names(folder: Path, _: Tools) -> Written:
    """``file_names`` in ``metadata.jsonl``."""
    rows, names, every = _rows_of_two_images(folder)
    _frame(rows, file_names=names).to_json(folder / "metadata.jsonl", orient="records", lines=True)
    return Written(folder, every)


@layout("ImageNet", "class folders of WordNet ids, with files that end with JPEG in capitals")
def imagenet_folders(folder: Path, _: Tools) -> Written:
    """``n01440764/n01440764_10026.JPEG``; there are no texts."""
    ids = ("n01440764", "n01443537", "n02084071")
    rows = [replace(row, labels=(ids[place % 3],), text="") for place, row in enumerate(items())]
    for row in rows:
        write_picture(folder / row.labels[0] / f"{row.labels[0]}_{row.picture}.JPEG", row.picture)
    return Written(folder, rows, says=("images alone",))


@layout("pandas", "CSV of images and labels without any text")
def csv_of_images_alone(folder: Path, _: Tools) -> Written:
    """fastai's ``labels.csv`` has no more columns either."""
    rows = [replace(row, text="") for row in items()]
    names = [f"train/{row.picture:04d}.png" for row in rows]
    _write_images(rows, names, folder)
    pd.DataFrame({"name": names, "label": [row.labels[0] for row in rows]}).to_csv(folder / "labels.csv", index=False)
    return Written(folder / "labels.csv", rows, says=("images alone",))


def _titles_and_brands() -> tuple[list[Item], list[str], list[str]]:
    rows, titles, brands = [], [], []
    for place, row in enumerate(items()):
        title, brand = f"Toy number {row.picture}", ("Acme", "", "Übü & Co")[place // 3 % 3]
        rows.append(replace(row, text=f"{title}. {brand}" if brand else title))
        titles.append(title)
        brands.append(brand)
    return rows, titles, brands


@layout("pandas", "CSV of titles and brands, of which some are empty")
def titles_and_brands(folder: Path, _: Tools) -> Written:
    """Two columns make the text; what is empty leaves nothing behind."""
    rows, titles, brands = _titles_and_brands()
    names = [f"{row.picture}.png" for row in rows]
    _write_images(rows, names, folder)
    columns = {"image": names, "title": titles, "brand": brands, "label": [row.labels[0] for row in rows]}
    pd.DataFrame(columns).to_csv(folder / "toys.csv", index=False)
    return Written(folder / "toys.csv", rows, says=("{title}. {brand}",))


@layout("WebDataset", "shards of ShardWriter with a title and a brand in JSON")
def shards_with_titles_and_brands(folder: Path, _: Tools) -> Written:
    """``000007.png`` and ``000007.json``."""
    rows, titles, brands = _titles_and_brands()
    with wds.ShardWriter(str(folder / "toys-%06d.tar"), maxcount=10, verbose=0) as writer:
        for place, row in enumerate(rows):
            fields = {"title": titles[place], "brand": brands[place], "label": row.labels[0]}
            writer.write({"__key__": f"{place:06d}", "png": picture_bytes(row.picture), "json": fields})
    return Written(folder, rows, says=("{title}. {brand}",))


@layout("pandas", "CSV in which some rows have no text")
def some_rows_without_texts(folder: Path, _: Tools) -> Written:
    """They are kept."""
    rows = [replace(row, text="" if place % 5 == 0 else row.text) for place, row in enumerate(items())]
    names = [f"{row.picture}.png" for row in rows]
    _write_images(rows, names, folder)
    _frame(rows, image=names).to_csv(folder / "rows.csv", index=False)
    return Written(folder / "rows.csv", rows, says=("6 of 30 sampled rows have no text",))


@layout("pandas", "TSV with images in Base64")
def images_in_base64(folder: Path, _: Tools) -> Written:
    """As training data of vision and language models are handed about."""
    rows = items()
    cells = [base64.b64encode(picture_bytes(row.picture)).decode() for row in rows]
    _frame(rows, image=cells).to_csv(folder / "rows.tsv", index=False, sep="\t")
    return Written(folder / "rows.tsv", rows)


@layout("a web page", "JSON Lines with images as data URIs")
def images_as_data_uris(folder: Path, _: Tools) -> Written:
    """``data:image/png;base64,...``."""
    rows = items()
    images = [f"data:image/png;base64,{base64.b64encode(picture_bytes(row.picture)).decode()}" for row in rows]
    _frame(rows, image=images).to_json(folder / "rows.jsonl", orient="records", lines=True)
    return Written(folder / "rows.jsonl", rows)
