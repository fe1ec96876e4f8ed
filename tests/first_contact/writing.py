"""Files that many layouts have: pictures, tables, lines of JSON, shards."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import webdataset

from tests.first_contact.pictures import Item, picture_bytes


def write_picture(path: Path, number: int) -> None:
    """A picture of the kind that the ending names, in a folder that need not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture_bytes(number, path.suffix[1:]))


def write_pictures(rows: Iterable[Item], folder: Path, kind: str = "png") -> None:
    """``<folder>/<picture>.<kind>`` for each row."""
    for row in rows:
        write_picture(folder / f"{row.picture}.{kind}", row.picture)


def write_class_folders(rows: Iterable[Item], root: Path, names: Mapping[str, str]) -> None:
    """``<root>/<name of the split>/<label>/<picture>.png``; a row without a split is one of train."""
    for row in rows:
        write_picture(root / names[row.split or "train"] / row.labels[0] / f"{row.picture}.png", row.picture)


def frame_of(rows: Iterable[Item], **columns: Callable[[Item], object]) -> pd.DataFrame:
    """A table of image (``images/<picture>.png``), caption and other columns."""
    values = {"image": lambda row: f"images/{row.picture}.png", "caption": lambda row: row.text, **columns}
    return pd.DataFrame([{name: value(row) for name, value in values.items()} for row in rows])


def write_csv(
    path: Path, header: Sequence[str], table: Iterable[Sequence[object]], encoding: str = "utf-8", **options: str
) -> Path:
    """A CSV file by Python's ``csv``, whose options are given."""
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, **options).writerows([header, *table])
    return path


def write_json_lines(path: Path, objects: Iterable[Mapping[str, object]]) -> Path:
    """An object on each line."""
    path.write_text("".join(json.dumps(one) + "\n" for one in objects), encoding="utf-8")
    return path


def write_shards(pattern: Path, rows: Iterable[Item], size: int) -> None:
    """WebDataset's shards of ``png``, ``txt`` and ``cls`` members."""
    with webdataset.ShardWriter(str(pattern), maxcount=size, verbose=0) as shards:
        for row in rows:
            content = picture_bytes(row.picture)
            shards.write({"__key__": f"{row.picture:06d}", "png": content, "txt": row.text, "cls": row.labels[0]})
