"""The blog's loop, row by row: cv2.imread, cv2.resize, CountVectorizer.transform, tf.train.Example, TFRecordWriter."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import LabelBinarizer

from benchmarks.ingest_peers.common import read_pixels, read_rows

_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def write(catalogue: Path, out: Path) -> None:
    """Writes one file for each of train, val and test."""
    rows = read_rows(catalogue)
    vectorizer = CountVectorizer().fit(row["description"] for row in rows)
    binarizer = LabelBinarizer().fit([row["label"] for row in rows])
    for split, part in _split(rows).items():
        # The records do not contain the image's path, so it is listed in a file beside them.
        (out / f"{split}.txt").write_text("\n".join(row["image"] for row in part), encoding="utf-8")
        with tf.io.TFRecordWriter(str(out / f"{split}.tfrecord")) as writer:
            for row in part:
                pixels = read_pixels(catalogue.parent / row["image"])
                counts = vectorizer.transform([row["description"]])
                label = binarizer.transform([row["label"]])[0]
                writer.write(_example(pixels, counts, label).SerializeToString())


def _split(rows: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    shuffled = random.Random(0).sample(rows, len(rows))
    parts = {}
    for split, share in _SHARES.items():
        count = round(share * len(rows))
        parts[split], shuffled = shuffled[:count], shuffled[count:]
    parts["test"] += shuffled
    return parts


def _example(pixels: Any, counts: Any, label: Any) -> tf.train.Example:
    feature = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels.tobytes()])),
        "description_index": tf.train.Feature(int64_list=tf.train.Int64List(value=counts.indices)),
        "description_value": tf.train.Feature(float_list=tf.train.FloatList(value=counts.data)),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=label)),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


def read(out: Path) -> Iterator[tuple[str, Any]]:
    """Yields the image's path and the pixels of every record."""
    for split in _SHARES:
        images = (out / f"{split}.txt").read_text(encoding="utf-8").splitlines()
        records = tf.data.TFRecordDataset(str(out / f"{split}.tfrecord")).as_numpy_iterator()
        for image, record in zip(images, records, strict=True):
            stored = tf.train.Example.FromString(record).features.feature["image"].bytes_list.value[0]
            yield image, tf.io.decode_raw(stored, tf.uint8).numpy()
