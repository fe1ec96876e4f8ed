"""TensorFlow Datasets: records, and the files by which ``tfds.builder_from_directory`` reads them.

The package itself is not needed, for TFDS 4 reads few files: TFRecord shards of ``tf.train.Example``, whose names it
prescribes; the features and the splits in JSON (``tensorflow_datasets/core/proto/{feature,dataset_info}.proto``); and
the names of the labels, one a line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from diptych.models import features
from diptych.pipeline.export.errors import ExportError
from diptych.pipeline.export.formats.stored_dataset import StoredDataset, StoredExample, read_examples

NAME, VERSION = "diptych", "1.0.0"

_FEATURES = "tensorflow_datasets.core.features"


def write(dataset: StoredDataset, folder: str) -> dict[str, int]:
    """Writes ``diptych-<split>.tfrecord-<shard>-of-<shards>``, a shard for each file of the run, and their description.

    An example has ``image`` (``Image``), ``description``, ``id`` and ``group`` (``Text``; empty for an example in no
    group), and ``label``, a ``ClassLabel``, or in a multilabel dataset a ``Sequence`` of them. A dataset of images
    alone has no ``description``.

    Returns:
        Split to number of examples.

    Raises:
        ExportError: a label has a line break, and the file of their names has a line for each.
    """
    if broken := [label for label in dataset.labels if "\n" in label]:
        raise ExportError(
            f"label {broken[0]!r} has a line break, which TensorFlow Datasets has no way to write: mend it in the "
            "catalogue, or export to parquet"
        )
    splits = {split: _write_split(split, folder, dataset) for split in features.SPLITS}
    _write_text(folder, f"{features.LABEL}.labels.txt", "".join(f"{label}\n" for label in dataset.labels))
    _write_json(folder, "features.json", _features(dataset))
    _write_json(folder, "dataset_info.json", _info(splits))
    return {split: sum(count for count, _ in shards) for split, shards in splits.items()}


def _write_split(split: str, folder: str, dataset: StoredDataset) -> list[tuple[int, int]]:
    """Writes the shards of a split. Returns the number of examples and of their bytes for each shard."""
    import tensorflow as tf

    indices = {label: index for index, label in enumerate(dataset.labels)}
    files = dataset.files(split)
    sizes = []
    for shard, file in enumerate(files):
        name = f"{NAME}-{split}.tfrecord-{shard:05d}-of-{len(files):05d}"
        count, size = 0, 0
        with tf.io.TFRecordWriter(os.path.join(folder, name)) as writer:
            for example in read_examples(file, split, dataset):
                record = _serialize(example, indices)
                writer.write(record)
                count, size = count + 1, size + len(record)
        sizes.append((count, size))
    return sizes


def _serialize(example: StoredExample, indices: Mapping[str, int]) -> bytes:
    import tensorflow as tf

    record = tf.train.Example()
    texts = {"id": example.id, "description": example.description, "group": example.group or ""}
    encoded = {name: text.encode() for name, text in texts.items() if text is not None}
    for name, value in {**encoded, "image": example.image}.items():
        record.features.feature[name].bytes_list.value.append(value)
    record.features.feature["label"].int64_list.value.extend(indices[label] for label in example.labels)
    return bytes(record.SerializeToString(deterministic=True))


def _features(dataset: StoredDataset) -> dict[str, Any]:
    shape = {"dimensions": [str(size) for size in (dataset.image.height, dataset.image.width, 3)]}
    encoding = "jpeg" if dataset.image.encoding == "jpeg" else "png"
    label = _feature("class_label_feature.ClassLabel", "classLabel", {"numClasses": str(len(dataset.labels))})
    if dataset.task == "multilabel":
        label = _feature("sequence_feature.Sequence", "sequence", {"feature": label, "length": "-1"})
    image = {"shape": shape, "dtype": "uint8", "encodingFormat": encoding}
    names = ("description", "group", "id") if dataset.descriptions else ("group", "id")
    texts = {name: _feature("text_feature.Text", "text", {}) for name in names}
    by_name = {**texts, "image": _feature("image_feature.Image", "image", image), "label": label}
    return _feature("features_dict.FeaturesDict", "featuresDict", {"features": by_name})


def _feature(python_class: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"pythonClassName": f"{_FEATURES}.{python_class}", kind: content}


def _info(splits: dict[str, list[tuple[int, int]]]) -> dict[str, Any]:
    return {
        "name": NAME,
        "version": VERSION,
        "fileFormat": "tfrecord",
        "splits": [
            {
                "name": split,
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "numBytes": str(sum(size for _, size in shards)),
                "shardLengths": [str(count) for count, _ in shards],
            }
            for split, shards in splits.items()
            if shards
        ],
    }


def _write_json(folder: str, name: str, value: Any) -> None:
    _write_text(folder, name, json.dumps(value, indent=2, sort_keys=True) + "\n")


def _write_text(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as file:
        file.write(text)
