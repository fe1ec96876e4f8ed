"""Examples and the Transform graph become what the network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from diptych.models import features
from diptych.models.dataset import read_dataset
from diptych.models.decoders.bag_of_words import Bag, many_hot, padded
from diptych.models.images.decoding import decode_stored
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, NetworkInputs
from diptych.models.labels import Task
from diptych.models.text.options import TextOptions
from diptych.models.text.transform_graph import TransformGraph
from diptych.models.text.vocabulary import read_vocabulary

_LABELS_AT_ONCE = 1024


@dataclass(frozen=True)
class Decoder:
    """Reads serialised records the way the network takes them; as a function, it is a ``Decode`` of ``models.dataset``.

    Attributes:
        transform: TFT's graph and vocabularies.
        image: how the images are stored.
        text: how the graph encodes texts.
    """

    transform: tft.TFTransformOutput
    image: ImageOptions
    text: TextOptions

    def __call__(self, records: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Network inputs and labels of string ``[b]`` records."""
        raw = self.parse(records, [features.IMAGE, features.DESCRIPTION, features.LABEL])
        return self.network_inputs(raw), self.label(raw)

    @cached_property
    def graph(self) -> TransformGraph:
        """Raw features to transformed ones; loaded once for all who use this decoder."""
        return TransformGraph(self.transform)

    @cached_property
    def terms(self) -> int:
        """Size of the description's vocabulary, without a bucket of unknown terms."""
        return len(self.transform.vocabulary_by_name(features.DESCRIPTION_VOCABULARY))

    @cached_property
    def inputs(self) -> NetworkInputs:
        """What a network of these records takes."""
        terms = self.terms + (self.text.oov == "bucket")
        return NetworkInputs(self.image, terms, self.text.length if self.text.encoding == "sequence" else None)

    @cached_property
    def labels(self) -> list[str]:
        """Label names; a label's place is its ``label_id``."""
        return list(read_vocabulary(self.transform, features.LABEL_VOCABULARY))

    @cached_property
    def task(self) -> Task:
        """Whether a record has one label, or any number of them."""
        label = self.transform.transformed_feature_spec()[features.LABEL_ID]
        return "multilabel" if isinstance(label, tf.io.VarLenFeature) else "multiclass"

    def parse(self, records: tf.Tensor, names: Sequence[str]) -> dict[str, Any]:
        """Parses string ``[b]`` records to the raw features the schema describes, and the image."""
        schema = self.transform.raw_feature_spec()
        spec = {name: schema[name] for name in names if name in schema}
        if features.IMAGE in names:
            spec |= features.parsing_spec([features.IMAGE])
        return dict(tf.io.parse_example(records, spec))

    def network_inputs(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        """What ``inputs`` describes, of the raw features ``image`` and ``description``."""
        return {IMAGE_INPUT: decode_stored(raw[features.IMAGE], self.image), **self.text_inputs(raw)}

    def text_inputs(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        """``network_inputs`` without the image, of the raw feature ``description``."""
        found = self.graph({features.DESCRIPTION: raw[features.DESCRIPTION]})
        if self.inputs.length is not None:
            return {IDS_INPUT: tf.ensure_shape(found[features.DESCRIPTION_IDS], [None, self.inputs.length])}
        return padded(Bag(found[features.DESCRIPTION_INDEX], found[features.DESCRIPTION_VALUE], self.inputs.terms))

    def label(self, raw: dict[str, Any]) -> tf.Tensor:
        """Label ids int64 ``[b]``, -1 for an unknown one; or for multilabel float32 ``[b, classes]`` of 0 and 1."""
        found = self.graph({features.LABEL: raw[features.LABEL]})[features.LABEL_ID]
        return many_hot(found, len(self.labels)) if self.task == "multilabel" else found


def read_labels(files: Sequence[str], task: Task) -> list[tuple[str, ...]]:
    """The labels of each record, in the order of the files, without decoding anything else: one each if multiclass.

    Raises:
        ValueError: as ``diptych.models.dataset.read_dataset``.
    """
    spec = {features.LABEL: tf.io.RaggedFeature(tf.string)}

    def parse(records: tf.Tensor) -> tf.RaggedTensor:
        return tf.io.parse_example(records, spec)[features.LABEL]

    batches = read_dataset(files, batch_size=_LABELS_AT_ONCE, decode=parse)
    rows = [tuple(label.decode() for label in row) for batch in batches for row in batch.to_list()]
    return [row[:1] for row in rows] if task == "multiclass" else rows
