"""Files of stored records."""

from __future__ import annotations

import os
from collections.abc import Sequence

import tensorflow as tf


def split_files(examples_uri: str, split: str) -> list[str]:
    """The TFRecord files of a split, sorted."""
    return sorted(tf.io.gfile.glob(os.path.join(examples_uri, f"Split-{split}", "*")))


def compression(files: Sequence[str]) -> str:
    """How TensorFlow calls the compression of a dataset's files, which their names' ending tells, as Beam has it."""
    return "GZIP" if files and files[0].endswith(".gz") else ""


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """Serialised records, in order: scalar strings."""
    return tf.data.TFRecordDataset(list(files), compression_type=compression(files))
