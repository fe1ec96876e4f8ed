"""tf.data: Examples and the Transform graph become what the network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from models import features
from models.images import ImageOptions, decode_stored
from models.tfrecords import compression
from models.transform_graph import TransformGraph

IMAGE_INPUT = "image"
TEXT_INPUT = "description"

_READ_FILES = 8
# What TFT writes for an empty vocabulary, which no lookup table could hold.
_NO_TERM = [b"49d0cd50-04bb-48c0-bc6f-5b575dce351a"]


@dataclass(frozen=True)
class Decoder:
    """Reads serialised records the way the network takes them.

    Attributes:
        transform: TFT's graph and vocabularies.
        image: how the images are stored.
    """

    transform: tft.TFTransformOutput
    image: ImageOptions

    @cached_property
    def graph(self) -> TransformGraph:
        """Raw features to transformed ones; loaded once for all who use this decoder."""
        return TransformGraph(self.transform)

    @property
    def terms(self) -> int:
        """Size of the description's vocabulary."""
        terms = self.transform.vocabulary_by_name(features.DESCRIPTION_VOCABULARY)
        return 0 if terms == _NO_TERM else len(terms)

    @property
    def labels(self) -> list[str]:
        """Label names; a label's place is its ``label_id``."""
        names = self.transform.vocabulary_by_name(features.LABEL_VOCABULARY)
        return [name.decode() for name in names]

    def parse(self, records: tf.Tensor, names: Sequence[str]) -> dict[str, Any]:
        """Parses string ``[batch]`` records to the raw features the schema describes, and the image."""
        schema = self.transform.raw_feature_spec()
        spec = {name: schema[name] for name in names if name in schema}
        if features.IMAGE in names:
            spec |= features.parsing_spec([features.IMAGE])
        return dict(tf.io.parse_example(records, spec))

    def bag_of_words(self, raw: dict[str, Any]) -> tf.Tensor:
        """Term counts float32 ``[batch, terms]`` of raw features."""
        transformed = self.graph({features.DESCRIPTION: raw[features.DESCRIPTION]})
        return counts(transformed[features.DESCRIPTION_INDEX], transformed[features.DESCRIPTION_VALUE], self.terms)


def counts(index: tf.SparseTensor, value: tf.SparseTensor, terms: int) -> tf.Tensor:
    """Joins index and value, as ``tf.io.SparseFeature`` does, to float32 ``[batch, terms]``."""
    rows = index.indices[:, 0]
    sparse = tf.SparseTensor(
        tf.stack([rows, index.values], axis=1), value.values, tf.stack([index.dense_shape[0], terms])
    )
    return tf.ensure_shape(tf.sparse.to_dense(sparse), [None, terms])


def read_dataset(files: Sequence[str], decoder: Decoder, batch_size: int) -> tf.data.Dataset:
    """Every record once, in the order of the files, eight of which are read by turns.

    Args:
        files: TFRecord files, or patterns of them.

    Returns:
        Batches of ``({"image": uint8 [b, h, w, 3], "description": float32 [b, terms]}, label_id int64 [b])``.

    Raises:
        ValueError: no file matches.
    """
    return _decode(_records(files).batch(batch_size), decoder)


def input_fn_train(
    files: Sequence[str], decoder: Decoder, batch_size: int, shuffle_buffer: int, seed: int
) -> tf.data.Dataset:
    """``read_dataset`` without end, shuffled anew in each epoch, the same in each run of one seed.

    One iterator serves all epochs: making one costs as much as reading some thousand records.
    """
    records = _records(files).shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=True)
    return _decode(records.batch(batch_size).repeat(), decoder)


def input_fn_eval(files: Sequence[str], decoder: Decoder, batch_size: int) -> tf.data.Dataset:
    """``read_dataset``, for evaluation: every record once."""
    return read_dataset(files, decoder, batch_size)


def _records(files: Sequence[str]) -> tf.data.Dataset:
    names = sorted(name for pattern in files for name in tf.io.gfile.glob(pattern))
    if not names:
        raise ValueError(f"no TFRecord file matches {list(files)}")
    return tf.data.Dataset.from_tensor_slices(names).interleave(
        partial(tf.data.TFRecordDataset, compression_type=compression(names)),
        cycle_length=_READ_FILES,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def _decode(batches: tf.data.Dataset, decoder: Decoder) -> tf.data.Dataset:
    # AutoGraph would rewrite TFT's and Keras's code below this call, which takes longer than an epoch.
    @tf.autograph.experimental.do_not_convert
    def decode(records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        raw = decoder.parse(records, [features.IMAGE, features.DESCRIPTION, features.LABEL])
        image = decode_stored(raw.pop(features.IMAGE), decoder.image)
        transformed = decoder.graph(raw)
        text = counts(transformed[features.DESCRIPTION_INDEX], transformed[features.DESCRIPTION_VALUE], decoder.terms)
        return {IMAGE_INPUT: image, TEXT_INPUT: text}, transformed[features.LABEL_ID]

    decoded = batches.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return decoded.prefetch(tf.data.AUTOTUNE).with_options(_without_tuner())


def _without_tuner() -> tf.data.Options:
    """Each core decodes, without the thread that tries other numbers.

    That thread sleeps ever longer, up to a minute, and dropping an iterator now and then waits until it wakes: a fit
    then takes up to twice its time.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def read_labels(files: Sequence[str]) -> list[str]:
    """The label of each record, in order, without decoding anything else."""
    spec = features.parsing_spec([features.LABEL])
    batches = _records(files).batch(1024).map(lambda records: tf.io.parse_example(records, spec)[features.LABEL])
    return [label.decode() for batch in batches.as_numpy_iterator() for label in batch]
