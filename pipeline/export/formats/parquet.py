"""Parquet with images inside, as Hugging Face's datasets read and write it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.models import features
from diptych.models.labels import Task
from diptych.pipeline.export.formats.stored_dataset import Item, Stored, read_items

# Of a row group: few enough for readers to hold in memory.
_MOST_ROWS, _MOST_BYTES = 1024, 32_000_000


def write(stored: Stored, folder: str) -> dict[str, int]:
    """Writes ``<split>.parquet`` with the columns id, image, description, label, split and group.

    ``image`` is a struct of ``bytes``, a PNG or JPEG file, and ``path``, a name for it; ``label`` a text, of a
    multilabel dataset a list of texts; ``group`` is null where there is none. The schema's metadata tell Hugging Face's
    ``datasets`` that ``image`` is an image.

    Returns:
        Split to number of examples.
    """
    schema = _schema(stored.task)
    return {
        split: _write_split(split, os.path.join(folder, f"{split}.parquet"), schema, stored)
        for split in features.SPLITS
    }


def _schema(task: Task) -> pa.Schema:
    label = pa.list_(pa.string()) if task == "multilabel" else pa.string()
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    texts = [(name, pa.string()) for name in ("id", "description", "split", "group")]
    text = {"dtype": "string", "_type": "Value"}
    kinds: dict[str, Any] = {name: text for name, _ in texts}
    kinds["image"] = {"_type": "Image"}
    kinds["label"] = {"feature": text, "_type": "Sequence"} if task == "multilabel" else text
    columns = dict([*texts, ("image", image), ("label", label)])
    order = ("id", "image", "description", "label", "split", "group")
    metadata = {"huggingface": json.dumps({"info": {"features": {name: kinds[name] for name in order}}})}
    return pa.schema([(name, columns[name]) for name in order], metadata)


def _write_split(split: str, path: str, schema: pa.Schema, stored: Stored) -> int:
    count = 0
    items = (item for file in stored.files(split) for item in read_items(file, split, stored))
    with pq.ParquetWriter(path, schema) as writer:
        for some in _groups(items):
            rows = [_row(number, item, stored.task) for number, item in enumerate(some, start=count)]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            count += len(rows)
    return count


def _row(number: int, item: Item, task: Task) -> dict[str, Any]:
    return {
        "id": item.id,
        "image": {"bytes": item.image, "path": f"{item.split}-{number:08d}.{item.ending}"},
        "description": item.description,
        "label": list(item.labels) if task == "multilabel" else item.labels[0],
        "split": item.split,
        "group": item.group,
    }


def _groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    some: list[Item] = []
    size = 0
    for item in items:
        some.append(item)
        size += len(item.image) + len(item.description)
        if len(some) == _MOST_ROWS or size > _MOST_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some
