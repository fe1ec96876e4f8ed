"""A run's Examples without TFX: read by what ``diptych export-encoders`` wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from diptych.models import features
from diptych.models.decoders.bag_of_words import Bag, many_hot, padded
from diptych.models.images.decoding import decode_stored
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT
from diptych.models.text.encoder import make_encoder
from diptych.models.text.exported_encoders import EncodersFile


class PlainDecoder:
    """Reads serialised records; as a function, it is a ``diptych.models.dataset.Decode``.

    Its texts and labels are those of the run's Transform graph.

    Args:
        encoders: what ``diptych.models.text.exported_encoders.read_encoders_file`` gives.
        image: how the images are stored, which is the run's ``image`` in its settings.
        text: the form of a bag of words: ``padded``, ``sparse`` or ``dense`` of ``bag_of_words``; a sequence is ids
            int64 ``[b, length]`` under ``IDS_INPUT``.
    """

    def __init__(
        self, encoders: EncodersFile, image: ImageOptions, text: Callable[[Bag], Mapping[str, Any]] = padded
    ) -> None:
        self._encoders, self._image, self._form = encoders, image, text
        self._encode = make_encoder(encoders.text, encoders.vocabulary, encoders.idf or None)
        names = tf.constant(encoders.labels, tf.string)
        ids = tf.range(len(encoders.labels), dtype=tf.int64)
        unknown = encoders.label.unknown
        self._label_ids = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(names, ids),
            default_value=-1 if unknown is None else encoders.labels.index(unknown),
        )

    def __call__(self, records: tf.Tensor) -> tuple[dict[str, Any], tf.Tensor]:
        """Inputs and label of string ``[b]`` records.

        The label is its id int64 ``[b]``, -1 for an unknown one, or for multilabel float32 ``[b, classes]`` of 0 and 1.
        """
        spec = features.parsing_spec([features.IMAGE, features.DESCRIPTION]) | features.label_spec(self._encoders.task)
        found = tf.io.parse_example(records, spec)
        image = decode_stored(found[features.IMAGE], self._image)
        return {IMAGE_INPUT: image, **self._text(found[features.DESCRIPTION])}, self._label(found[features.LABEL])

    def _text(self, texts: tf.Tensor) -> Mapping[str, Any]:
        encoded = self._encode(texts)
        if features.DESCRIPTION_IDS in encoded:
            return {IDS_INPUT: encoded[features.DESCRIPTION_IDS]}
        terms = len(self._encoders.vocabulary) + (self._encoders.text.oov == "bucket")
        return self._form(Bag(encoded[features.DESCRIPTION_INDEX], encoded[features.DESCRIPTION_VALUE], terms))

    def _label(self, labels: Any) -> tf.Tensor:
        if self._encoders.task == "multiclass":
            return self._label_ids.lookup(labels)
        ids = labels.with_flat_values(self._label_ids.lookup(labels.flat_values))
        return many_hot(ids.to_sparse(), len(self._encoders.labels))
