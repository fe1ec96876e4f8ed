"""Decodes the records that ``diptych export --to tfrecord`` writes: raw images, encoded texts, binarised labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from diptych.models import features
from diptych.models.decoders.bag_of_words import BagOfWords, padded_inputs
from diptych.models.images.decoding import decode_stored_images
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IMAGE_INPUT


@dataclass(frozen=True)
class ExportedTFRecordDecoder:
    """Decodes exported records; pass it as ``decode`` to the functions of ``diptych.models.dataset``.

    Attributes:
        image: how the images are stored.
        terms: the size of the vocabulary; ``terms`` in the export's ``dataset.json``. None if there are no texts.
        classes: the number of label columns; ``label_columns`` in the export's ``dataset.json``.
        text_format: the form of the bags of words: ``padded_inputs``, ``sparse_inputs`` or ``dense_inputs``.
    """

    image: ImageOptions
    terms: int | None
    classes: int
    text_format: Callable[[BagOfWords], Mapping[str, Any]] = padded_inputs

    def __call__(self, records: tf.Tensor) -> tuple[dict[str, Any], tf.Tensor]:
        """Decodes serialised records, string ``[b]``, to inputs and label int64 ``[b, classes]``."""
        spec = {
            features.IMAGE: tf.io.FixedLenFeature([], tf.string),
            features.LABEL: tf.io.FixedLenFeature([self.classes], tf.int64),
        }
        if self.terms is not None:
            spec[features.DESCRIPTION_INDEX] = tf.io.VarLenFeature(tf.int64)
            spec[features.DESCRIPTION_VALUE] = tf.io.VarLenFeature(tf.float32)
        parsed = tf.io.parse_example(records, spec)
        image = decode_stored_images(parsed[features.IMAGE], self.image)
        return {IMAGE_INPUT: image, **self._text_inputs(parsed)}, parsed[features.LABEL]

    def _text_inputs(self, parsed: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.terms is None:
            return {}
        bag = BagOfWords(parsed[features.DESCRIPTION_INDEX], parsed[features.DESCRIPTION_VALUE], self.terms)
        return self.text_format(bag)
