"""Rows in memory whose image features are computed, on which the wide part is fitted and the head trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import sparse

from diptych.models import features
from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.images.decoding import decode_stored_images
from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, VALUES_INPUT
from diptych.models.networks.image_tower import IMAGE_FEATURES
from diptych.models.text.ragged import pad_rows
from diptych.models.tfrecords import plain_options, read_records
from diptych.models.tracing import without_autograph
from diptych.models.training.feature_cache import FeatureCache

_BATCH_SIZE = 64
# Bytes: EIGEN_MAX_ALIGN_BYTES, to which TensorFlow aligns what it allocates itself.
_ALIGNMENT = 64


@dataclass(frozen=True)
class FrozenRows:
    """Rows of a split.

    Attributes:
        features: frozen features of the images, float32 ``[n, d]``; None if the network has none. This and the others
            are tensors, because a dataset would copy arrays into its graph.
        ids, values: the terms of each text, int64 and float32 ``[n, None]``, without padding; None without texts. The
            values of a sequence are None.
        sequence_length: the length to which ids are padded; None for bags of words.
        labels: what the loss takes: ids int64 ``[n]``, or for multilabel float32 ``[n, classes]``.
        groups: of each row; the number of a row without one.
    """

    features: tf.Tensor | None
    ids: tf.RaggedTensor | None
    values: tf.RaggedTensor | None
    sequence_length: int | None
    labels: tf.Tensor
    groups: Sequence[bytes]

    def text_matrix(self, vocabulary_size: int) -> sparse.csr_matrix | None:
        """The bags of words, float32 ``[n, vocabulary_size]``; of a sequence, how often each term occurs."""
        if self.ids is None:
            return None
        columns, starts = self.ids.flat_values.numpy() - 1, self.ids.row_splits.numpy()
        values = np.ones(len(columns), np.float32) if self.values is None else self.values.flat_values.numpy()
        return sparse.csr_matrix((values, columns, starts), (len(self.labels), vocabulary_size))

    def train_dataset(self, batch_size: int, seed: int, batches_before: int) -> tf.data.Dataset:
        """An endless dataset of batches ``(inputs, label)``, of the inputs of ``head``, in an order by seed and epoch.

        Args:
            batches_before: how many batches have been trained on.
        """
        rows = len(self.labels)

        def batches(epoch: tf.Tensor) -> tf.data.Dataset:
            order = tf.random.experimental.stateless_shuffle(tf.range(rows), [seed, epoch])
            return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

        return (
            tf.data.Dataset.counter()
            .flat_map(without_autograph(batches))
            .skip(batches_before)
            .map(without_autograph(self._select))
            .prefetch(1)
            .with_options(plain_options())
        )

    def eval_dataset(self, batch_size: int) -> tf.data.Dataset:
        """A dataset of batches ``(inputs, label)`` in the order of the rows."""
        places = tf.data.Dataset.range(len(self.labels)).batch(batch_size)
        return places.map(without_autograph(self._select)).cache().with_options(plain_options())

    def _select(self, places: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        inputs = {}
        if self.features is not None:
            inputs[IMAGE_FEATURES] = tf.gather(self.features, places)
        for name, ragged in ((IDS_INPUT, self.ids), (VALUES_INPUT, self.values)):
            if ragged is not None:
                inputs[name] = self._pad(tf.gather(ragged, places))
        return inputs, tf.gather(self.labels, places)

    def _pad(self, ragged: tf.RaggedTensor) -> tf.Tensor:
        if self.sequence_length:
            return ragged.to_tensor(shape=[None, self.sequence_length])
        return pad_rows(ragged)


def feature_extractor(model: keras.Model) -> keras.Model | None:
    """The part of a network from pixels to frozen features; None if it has none. It shares the network's layers."""
    if IMAGE_FEATURES not in {layer.name for layer in model.layers}:
        return None
    return keras.Model(model.input[IMAGE_INPUT], model.get_layer(IMAGE_FEATURES).output)


def head(model: keras.Model, outputs: Any) -> keras.Model:
    """The part of a network after the frozen features, whose layers it shares.

    It takes features float32 ``[b, d]`` under ``IMAGE_FEATURES`` in the place of pixels.

    Args:
        outputs: tensors of the network.
    """
    inputs = {name: tensor for name, tensor in model.input.items() if name != IMAGE_INPUT}
    return keras.Model({**inputs, IMAGE_FEATURES: model.get_layer(IMAGE_FEATURES).output}, outputs)


@dataclass(frozen=True)
class Records:
    """The records of some TFRecord files.

    Attributes:
        count: how many records the files hold.
        stride: every which of them is read.
    """

    files: Sequence[str]
    count: int
    stride: int = 1

    @property
    def rows(self) -> int:
        """How many records are read."""
        return math.ceil(self.count / self.stride)

    def batches(self) -> tf.data.Dataset:
        """The serialised records, string ``[b]``."""
        return read_records(self.files).shard(self.stride, 0).batch(_BATCH_SIZE)


def read_frozen_rows(
    records: Records,
    decoder: TransformGraphDecoder,
    extractor: keras.Model | None,
    cache: FeatureCache,
    report: Callable[[int], None] = lambda _: None,
) -> FrozenRows:
    """Reads rows, and computes the features of images that the cache lacks.

    Args:
        report: is told how many more images have their features.

    Raises:
        tf.errors.OpError: a file cannot be read, or an image is not stored as the options say.
    """
    names = [features.LABEL, *decoder.text_features]
    group_spec = {features.GROUP: tf.io.RaggedFeature(tf.string)}
    image_spec = features.parsing_spec([features.IMAGE])

    def parse(records: tf.Tensor) -> dict[str, Any]:
        raw = decoder.parse(records, names)
        groups = tf.io.parse_example(records, group_spec)[features.GROUP]
        parsed = {"label": decoder.label(raw), "group": groups, **decoder.text_inputs(raw)}
        if extractor is not None:
            parsed[IMAGE_INPUT] = tf.io.parse_example(records, image_spec)[features.IMAGE]
        return parsed

    compute = None if extractor is None else _build_compute(extractor, decoder)
    vectors = None if extractor is None else _allocate(records.rows, extractor.output.shape[-1])
    parsed = records.batches().map(without_autograph(parse), tf.data.AUTOTUNE).prefetch(1)
    texts, place = [], 0
    for batch in parsed:
        texts.append(_read_texts(batch))
        if compute is not None and vectors is not None:
            images = batch[IMAGE_INPUT].numpy()
            cache.look_up(images, compute, vectors[place : place + len(images)])
            place += len(images)
            report(len(images))
    cache.write()
    labels, groups, ids, values = zip(*texts, strict=True)
    numbered = [group or str(row).encode() for row, group in enumerate(group for part in groups for group in part)]
    return FrozenRows(
        # In place: tf.constant would copy them, for a time twice.
        features=None if vectors is None else tf.experimental.dlpack.from_dlpack(vectors.__dlpack__()),
        ids=tf.concat(ids, axis=0) if decoder.text else None,
        values=tf.concat(values, axis=0) if decoder.text and values[0] is not None else None,
        sequence_length=decoder.inputs.sequence_length,
        labels=tf.concat(labels, axis=0),
        groups=numbered,
    )


def _build_compute(extractor: keras.Model, decoder: TransformGraphDecoder) -> Any:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def compute(images: tf.Tensor) -> tf.Tensor:
        return extractor(decode_stored_images(images, decoder.image), training=False)

    return compute


def _allocate(rows: int, columns: int) -> NDArray[np.float32]:
    """Memory for float32 ``[rows, columns]`` at an address that suits TensorFlow's operations."""
    size = 4 * rows * columns
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(np.float32).reshape(rows, columns)


def _read_texts(batch: dict[str, Any]) -> Any:
    """Labels, groups, ids and values of a batch."""
    groups = [group[0] if group else b"" for group in batch["group"].to_list()]
    ids, values = batch.get(IDS_INPUT), batch.get(VALUES_INPUT)
    if ids is not None:
        is_term = tf.not_equal(ids, 0)
        values = None if values is None else tf.ragged.boolean_mask(values, is_term)
        ids = tf.ragged.boolean_mask(ids, is_term)
    return batch["label"], groups, ids, values
