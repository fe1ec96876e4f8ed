"""Decodes a run's Examples with the file that ``diptych export-encoders`` writes: no TFX, no Transform graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from diptych.models import features
from diptych.models.decoders.bag_of_words import BagOfWords, padded_inputs
from diptych.models.decoders.labels import multi_hot
from diptych.models.images.decoding import decode_stored_images
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT
from diptych.models.text.sklearn_encoders import FittedEncoding
from diptych.models.text.text_encoder import make_text_encoder


class EncodersFileDecoder:
    """Decodes a run's Examples; pass it as ``decode`` to the functions of ``diptych.models.dataset``.

    Texts and labels are encoded exactly as the run's Transform graph encodes them.

    Args:
        encoders: what ``diptych.models.text.sklearn_encoders.read_encoders_file`` returns.
        image: how the images are stored; ``image`` in the run's settings.
        text_format: the form of the bags of words: ``padded_inputs``, ``sparse_inputs`` or ``dense_inputs``. A text
            that is encoded as a sequence is always int64 ``[b, length]`` under ``IDS_INPUT``.
    """

    def __init__(
        self,
        encoders: FittedEncoding,
        image: ImageOptions,
        text_format: Callable[[BagOfWords], Mapping[str, Any]] = padded_inputs,
    ) -> None:
        self._encoders, self._image, self._text_format = encoders, image, text_format
        text = encoders.text
        self._encode = make_text_encoder(text, encoders.vocabulary, encoders.idf or None) if text else None
        names = tf.constant(encoders.labels, tf.string)
        ids = tf.range(len(encoders.labels), dtype=tf.int64)
        unknown = encoders.label.unknown
        self._label_ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(names, ids),
            default_value=-1 if unknown is None else encoders.labels.index(unknown),
        )

    def __call__(self, records: tf.Tensor) -> tuple[dict[str, Any], tf.Tensor]:
        """Decodes serialised records, string ``[b]``, to inputs and label; of records without texts, the image alone.

        The label is its id int64 ``[b]``, -1 where it is unknown; for multilabel float32 ``[b, classes]`` of 0 and 1.
        """
        spec = features.parsing_spec([features.IMAGE, features.DESCRIPTION]) | features.label_spec(self._encoders.task)
        parsed = tf.io.parse_example(records, spec)
        image = decode_stored_images(parsed[features.IMAGE], self._image)
        inputs = {IMAGE_INPUT: image, **self._text_inputs(parsed[features.DESCRIPTION])}
        return inputs, self._label(parsed[features.LABEL])

    def _text_inputs(self, texts: tf.Tensor) -> Mapping[str, Any]:
        if self._encode is None:
            return {}
        encoded = self._encode(texts)
        if features.DESCRIPTION_IDS in encoded:
            return {IDS_INPUT: encoded[features.DESCRIPTION_IDS]}
        terms = len(self._encoders.vocabulary) + (self._encode.options.oov == "bucket")
        bag = BagOfWords(encoded[features.DESCRIPTION_INDEX], encoded[features.DESCRIPTION_VALUE], terms)
        return self._text_format(bag)

    def _label(self, labels: Any) -> tf.Tensor:
        if self._encoders.task == "multiclass":
            return self._label_ids.lookup(labels)
        ids = labels.with_flat_values(self._label_ids.lookup(labels.flat_values))
        return multi_hot(ids.to_sparse(), len(self._encoders.labels))
