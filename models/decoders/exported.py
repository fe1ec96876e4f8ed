"""Records of ``diptych export --to tfrecord``, which has the blog's layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from diptych.models import features
from diptych.models.decoders.bag_of_words import Bag, padded
from diptych.models.images.decoding import decode_stored
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IMAGE_INPUT


@dataclass(frozen=True)
class ExportedDecoder:
    """Reads exported records; as a function, it is a ``diptych.models.dataset.Decode``.

    Attributes:
        image: how the images are stored.
        terms: size of the vocabulary.
        classes: columns of the label.
        text: the form of the bag of words: ``padded``, ``sparse`` or ``dense`` of ``decoders.bag_of_words``.
    """

    image: ImageOptions
    terms: int
    classes: int
    text: Callable[[Bag], Mapping[str, Any]] = padded

    def __call__(self, records: tf.Tensor) -> tuple[dict[str, Any], tf.Tensor]:
        """Inputs and labels int64 ``[b, classes]`` of string ``[b]`` records."""
        spec = {
            features.IMAGE: tf.io.FixedLenFeature([], tf.string),
            features.DESCRIPTION_INDEX: tf.io.VarLenFeature(tf.int64),
            features.DESCRIPTION_VALUE: tf.io.VarLenFeature(tf.float32),
            features.LABEL: tf.io.FixedLenFeature([self.classes], tf.int64),
        }
        found = tf.io.parse_example(records, spec)
        bag = Bag(found[features.DESCRIPTION_INDEX], found[features.DESCRIPTION_VALUE], self.terms)
        image = decode_stored(found[features.IMAGE], self.image)
        return {IMAGE_INPUT: image, **self.text(bag)}, found[features.LABEL]
