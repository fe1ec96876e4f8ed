"""Decodes a run's Examples with its Transform graph, as training, evaluation and serving do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from diptych.models import features
from diptych.models.decoders.bag_of_words import BagOfWords, padded_inputs
from diptych.models.decoders.labels import multi_hot
from diptych.models.images.decoding import decode_stored_images
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, NetworkInputs
from diptych.models.labels import Task
from diptych.models.text.options import TextOptions
from diptych.models.text.transform_graph import TransformGraph
from diptych.models.text.vocabulary import read_vocabulary


@dataclass(frozen=True)
class TransformGraphDecoder:
    """Decodes a run's Examples; pass it as ``decode`` to the functions of ``diptych.models.dataset``.

    Attributes:
        transform: the output of Transform: graph, schema and vocabularies.
        image: how the images are stored.
        text: how the graph encodes texts; None if the records have none.
    """

    transform: tft.TFTransformOutput
    image: ImageOptions
    text: TextOptions | None

    def __call__(self, records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Decodes serialised records, string ``[b]``, to the network's inputs and the label."""
        raw = self.parse(records, [features.IMAGE, *self.text_features, features.LABEL])
        return self.network_inputs(raw), self.label(raw)

    @cached_property
    def graph(self) -> TransformGraph:
        """The function of raw features to transformed features, loaded at first use."""
        return TransformGraph(self.transform)

    @cached_property
    def terms(self) -> Sequence[str]:
        """The description's vocabulary, sorted by index; empty if there are no texts."""
        return read_vocabulary(self.transform, features.DESCRIPTION_VOCABULARY) if self.text else []

    @property
    def text_features(self) -> tuple[str, ...]:
        """The raw features that hold texts: ``description``, or none."""
        return (features.DESCRIPTION,) if self.text else ()

    @cached_property
    def inputs(self) -> NetworkInputs:
        """The inputs that a network of these records has."""
        size = (self.image.height, self.image.width)
        if self.text is None:
            return NetworkInputs(size, vocabulary_size=None)
        return NetworkInputs(
            size,
            vocabulary_size=len(self.terms) + (self.text.oov == "bucket"),
            sequence_length=self.text.length if self.text.encoding == "sequence" else None,
        )

    @cached_property
    def labels(self) -> list[str]:
        """The label names; a label's place in the list is its ``label_id``."""
        return list(read_vocabulary(self.transform, features.LABEL_VOCABULARY))

    @cached_property
    def task(self) -> Task:
        """Whether a record has exactly one label or any number of them."""
        label = self.transform.transformed_feature_spec()[features.LABEL_ID]
        return "multilabel" if isinstance(label, tf.io.VarLenFeature) else "multiclass"

    def parse(self, records: tf.Tensor, names: Sequence[str]) -> dict[str, Any]:
        """Parses raw features of serialised records, string ``[b]``.

        Args:
            names: the features; those that the schema does not describe are left out, except the image.
        """
        schema = self.transform.raw_feature_spec()
        spec = {name: schema[name] for name in names if name in schema}
        if features.IMAGE in names:
            spec |= features.parsing_spec([features.IMAGE])
        return dict(tf.io.parse_example(records, spec))

    def network_inputs(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        """The tensors that ``inputs`` describes, from the raw features ``image`` and ``description``."""
        return {IMAGE_INPUT: decode_stored_images(raw[features.IMAGE], self.image), **self.text_inputs(raw)}

    def text_inputs(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        """The tensors that ``inputs`` describes, except the image, from the raw feature ``description``."""
        encoded, inputs = self.encode_texts(raw), self.inputs
        if inputs.vocabulary_size is None:
            return {}
        if inputs.sequence_length is not None:
            return {IDS_INPUT: tf.ensure_shape(encoded[features.DESCRIPTION_IDS], [None, inputs.sequence_length])}
        return padded_inputs(
            BagOfWords(encoded[features.DESCRIPTION_INDEX], encoded[features.DESCRIPTION_VALUE], inputs.vocabulary_size)
        )

    def encode_texts(self, raw: dict[str, Any]) -> dict[str, Any]:
        """What the graph makes of the raw feature ``description``; empty if there are no texts."""
        if self.text is None:
            return {}
        encoded = self.graph({features.DESCRIPTION: raw[features.DESCRIPTION]})
        return {name: value for name, value in encoded.items() if name != features.LABEL_ID}

    def label(self, raw: dict[str, Any]) -> tf.Tensor:
        """The label, from the raw feature ``label``.

        Returns:
            Its id int64 ``[b]``, -1 where it is unknown; for multilabel float32 ``[b, classes]`` of 0 and 1.
        """
        ids = self.graph({features.LABEL: raw[features.LABEL]})[features.LABEL_ID]
        return multi_hot(ids, len(self.labels)) if self.task == "multilabel" else ids
