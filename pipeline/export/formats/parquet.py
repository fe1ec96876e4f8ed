"""Parquet with images inside, in the layout of Hugging Face's ``datasets``."""

from __future__ import annotations

import json
import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.models import features
from diptych.models.labels import Task
from diptych.pipeline.export.formats.stored_dataset import StoredDataset, StoredExample, read_examples
from diptych.pipeline.row_groups import row_groups


def write(dataset: StoredDataset, folder: str) -> dict[str, int]:
    """Writes ``<split>.parquet`` with the columns id, image, description, label, split and group.

    A dataset of images alone has no column for the description.
    ``image`` is a struct of ``bytes``, a PNG or JPEG file, and ``path``, a name for it. ``label`` is a text, or in a
    multilabel dataset a list of texts. ``group`` is null for an example in no group. By the schema's metadata,
    ``datasets`` reads ``image`` as an image.

    Returns:
        Split to number of examples.
    """
    schema = _schema(dataset)
    return {
        split: _write_split(split, os.path.join(folder, f"{split}.parquet"), schema, dataset)
        for split in features.SPLITS
    }


def _schema(dataset: StoredDataset) -> pa.Schema:
    has_several_labels = dataset.task == "multilabel"
    label = pa.list_(pa.string()) if has_several_labels else pa.string()
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    texts = [(name, pa.string()) for name in ("id", "description", "split", "group")]
    text = {"dtype": "string", "_type": "Value"}
    kinds: dict[str, Any] = {name: text for name, _ in texts}
    kinds["image"] = {"_type": "Image"}
    kinds["label"] = {"feature": text, "_type": "Sequence"} if has_several_labels else text
    columns = dict([*texts, ("image", image), ("label", label)])
    order = ("id", "image", *(("description",) if dataset.descriptions else ()), "label", "split", "group")
    metadata = {"huggingface": json.dumps({"info": {"features": {name: kinds[name] for name in order}}})}
    return pa.schema([(name, columns[name]) for name in order], metadata)


def _write_split(split: str, path: str, schema: pa.Schema, dataset: StoredDataset) -> int:
    count = 0
    examples = (example for file in dataset.files(split) for example in read_examples(file, split, dataset))
    # A file of Python's own gives errors that say nothing but what is wrong.
    with open(path, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        for group in row_groups(examples, _size):
            rows = [_row(number, example, dataset.task) for number, example in enumerate(group, start=count)]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            count += len(rows)
    return count


def _row(number: int, example: StoredExample, task: Task) -> dict[str, Any]:
    return {
        "id": example.id,
        "image": {"bytes": example.image, "path": f"{example.split}-{number:08d}.{example.ending}"},
        "description": example.description,
        "label": list(example.labels) if task == "multilabel" else example.labels[0],
        "split": example.split,
        "group": example.group,
    }


def _size(example: StoredExample) -> int:
    return len(example.image) + len(example.description or "")
