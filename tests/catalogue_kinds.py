"""Writes one catalogue as each kind that can be read, by the libraries that people commonly use for it."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.components.catalogue.options import DataOptions
from tests.spreadsheets import write_ods, write_xlsx

# Longer labels are not used as names of folders: file systems allow 255 bytes.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Item:
    """One row.

    Attributes:
        name: of the image file, with its ending; no other row has it, and it has no second dot.
        image: the file's bytes.
    """

    id: str
    name: str
    image: bytes
    description: str
    label: str
    group: str


def write_kind(kind: str, folder: Path, items: Sequence[Item]) -> DataOptions:
    """Writes a catalogue of a kind of ``KINDS`` to a new folder; returns the options to read it with."""
    folder.mkdir(parents=True)
    return DataOptions(catalogue=str(KINDS[kind](folder, items)), columns={"id": "id"}, split_by="group")


def _fields(item: Item, **image: Any) -> dict[str, Any]:
    return {"id": item.id, **image, "description": item.description, "label": item.label, "group": item.group}


def _write_images(folder: Path, items: Iterable[Item]) -> None:
    folder.mkdir(exist_ok=True)
    for item in items:
        (folder / item.name).write_bytes(item.image)


def _by_path(folder: Path, items: Sequence[Item], column: str = "image") -> list[dict[str, Any]]:
    """Rows that name their images, which are written below the folder."""
    _write_images(folder / "images", items)
    return [_fields(item, **{column: f"images/{item.name}"}) for item in items]


def _by_file_name(folder: Path, items: Sequence[Item]) -> list[dict[str, Any]]:
    return _by_path(folder, items, "file_name")


def _write_table(path: Path, rows: Sequence[Mapping[str, Any]], dialect: str = "excel") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), dialect=dialect)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    return path


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=100)
    return path


def _cells(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    return [list(rows[0]), *(list(row.values()) for row in rows)]


def _write_arrow(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    table = pa.Table.from_pylist(rows)
    with path.open("wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    return path


def _inline_parquet(folder: Path, items: Sequence[Item]) -> Path:
    # The form in which Hugging Face stores its Image feature.
    rows = [_fields(item, image={"bytes": item.image, "path": item.name}) for item in items]
    return _write_parquet(folder / "rows.parquet", rows)


def _class_folders(folder: Path, items: Sequence[Item]) -> Path:
    for item in items:
        fields = {"id": item.id, "group": item.group}
        home = folder / item.label
        if not _is_file_name(item.label):
            home, fields = folder / "other", {**fields, "label": item.label}
        home.mkdir(exist_ok=True)
        image = home / item.name
        image.write_bytes(item.image)
        image.with_suffix(".txt").write_bytes(text_file(item.description))
        _write_json(image.with_suffix(".json"), fields)
    return folder


def text_file(text: str) -> bytes:
    """A text with a newline at its end, as editors leave it."""
    # After "\r", a newline would make the line ending "\r\n" of both.
    return text.encode() if text.endswith("\r") else text.encode() + b"\n"


def _is_file_name(text: str) -> bool:
    return not (text.startswith(".") or set(text) & set("/\0")) and 0 < len(text.encode()) < _LONGEST_NAME


def _webdataset(folder: Path, items: Sequence[Item]) -> str:
    shards = 2
    for shard in range(shards):
        with tarfile.open(folder / f"shard-{shard:05d}.tar", "w") as archive:
            for item in items[shard::shards]:
                stem, _, ending = item.name.rpartition(".")
                _add_member(archive, f"{stem}.{ending}", item.image)
                _add_member(archive, f"{stem}.txt", text_file(item.description))
                _add_member(archive, f"{stem}.cls", text_file(item.label))
                _add_member(archive, f"{stem}.json", json.dumps({"id": item.id, "group": item.group}).encode())
    return str(folder / "shard-*.tar")


def _add_member(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _coco(folder: Path, items: Sequence[Item]) -> Path:
    _write_images(folder, items)
    labels = sorted({item.label for item in items})
    images = [{"id": number, "file_name": item.name} for number, item in enumerate(items)]
    annotations = [
        {
            "id": item.id,
            "image_id": number,
            "category_id": labels.index(item.label),
            "caption": item.description,
            "group": item.group,
        }
        for number, item in enumerate(items)
    ]
    categories = [{"id": number, "name": label} for number, label in enumerate(labels)]
    whole = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    return _write_json(folder / "captions.json", whole)


def _tfrecord(folder: Path, items: Sequence[Item]) -> Path:
    """Files as TensorFlow Datasets writes them, with numbers for labels."""
    import tensorflow as tf

    labels = sorted({item.label for item in items})
    _write_json(folder / "dataset_info.json", {})
    if numbered := all(label and label == label.strip() and "\n" not in label for label in labels):
        (folder / "label.labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    shards = 2
    for shard in range(shards):
        name = f"rows-train.tfrecord-{shard:05d}-of-{shards:05d}"
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for item in items[shard::shards]:
                label = labels.index(item.label) if numbered else item.label
                writer.write(example(**{**_fields(item, image=item.image), "label": label}))
    return folder


def example(**values: str | bytes | int | float | list[bytes] | list[int]) -> bytes:
    """A serialised ``tf.train.Example``."""
    import tensorflow as tf

    whole = tf.train.Example()
    for name, value in values.items():
        feature = whole.features.feature[name]
        items = value if isinstance(value, list) else [value]
        if isinstance(items[0], int):
            feature.int64_list.value.extend(items)
        elif isinstance(items[0], float):
            feature.float_list.value.extend(items)
        else:
            feature.bytes_list.value.extend(item.encode() if isinstance(item, str) else item for item in items)
    return bytes(whole.SerializeToString())


#: Writers by kind; each takes an empty folder and returns what ``data.catalogue`` is to say.
KINDS: Mapping[str, Callable[[Path, Sequence[Item]], Path | str]] = {
    "csv": lambda folder, items: _write_table(folder / "rows.csv", _by_path(folder, items)),
    "tsv": lambda folder, items: _write_table(folder / "rows.tsv", _by_path(folder, items), "excel-tab"),
    "jsonl": lambda folder, items: _write_lines(folder / "rows.jsonl", _by_path(folder, items)),
    "json": lambda folder, items: _write_json(folder / "rows.json", _by_path(folder, items)),
    "xlsx": lambda folder, items: write_xlsx(folder / "rows.xlsx", {"Rows": _cells(_by_path(folder, items))}),
    "ods": lambda folder, items: write_ods(folder / "rows.ods", _cells(_by_path(folder, items))),
    "arrow": lambda folder, items: _write_arrow(folder / "rows.arrow", _by_path(folder, items)),
    "parquet": lambda folder, items: _write_parquet(folder / "rows.parquet", _by_path(folder, items)),
    "parquet with inline images": _inline_parquet,
    "folder": _class_folders,
    "imagefolder, csv": lambda folder, items: (
        _write_table(folder / "metadata.csv", _by_file_name(folder, items)).parent
    ),
    "imagefolder, jsonl": lambda folder, items: (
        _write_lines(folder / "metadata.jsonl", _by_file_name(folder, items)).parent
    ),
    "imagefolder, parquet": lambda folder, items: (
        _write_parquet(folder / "metadata.parquet", _by_file_name(folder, items)).parent
    ),
    "webdataset": _webdataset,
    "coco": _coco,
    "tfrecord": _tfrecord,
}
