"""The blog's ``read_dataset`` on the blog's own file: parses record by record, then batches and prefetches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader, ImageTextArrays

FILE = "train.tfrecords"
_SHAPE = "shape.json"


def write(source: ImageTextArrays, out: Path) -> None:
    """Writes ``out/train.tfrecords``."""
    (out / _SHAPE).write_text(json.dumps({"terms": source.counts.shape[1], "classes": source.classes}))
    with tf.io.TFRecordWriter(str(out / FILE)) as writer:
        for image, counts, label in zip(
            source.images, source.counts, np.eye(source.classes)[source.labels], strict=True
        ):
            (index,) = counts.nonzero()
            feature = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()])),
                "description_index": tf.train.Feature(int64_list=tf.train.Int64List(value=index)),
                "description_value": tf.train.Feature(float_list=tf.train.FloatList(value=counts[index])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=label.astype(int))),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def shape(out: Path) -> tuple[int, int]:
    """The numbers of terms and of classes in the file."""
    found = json.loads((out / _SHAPE).read_text())
    return found["terms"], found["classes"]


def read_dataset(out: Path) -> tf.data.Dataset:
    """The blog's loop with current names of TensorFlow."""
    terms, classes = shape(out)

    def parse(record: tf.Tensor) -> tuple[dict[str, Any], tf.Tensor]:
        found = tf.io.parse_single_example(
            record,
            {
                "image": tf.io.FixedLenFeature([], tf.string),
                "description": tf.io.SparseFeature("description_index", "description_value", tf.float32, terms),
                "label": tf.io.FixedLenFeature([classes], tf.int64),
            },
        )
        image = tf.reshape(tf.io.decode_raw(found["image"], tf.uint8), [128, 128, 3])
        return {"image": image, "description": found["description"]}, found["label"]

    return tf.data.TFRecordDataset(str(out / FILE)).map(parse).batch(BATCH_SIZE).prefetch(1)


def batches(out: Path) -> EpochReader:
    """Reads images, and with them texts and labels."""
    return EpochReader(read_dataset(out), lambda batch: batch[0]["image"])
