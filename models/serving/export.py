"""The served model: what it takes, and how it is exported."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from models import features
from models.decoder import IMAGE_INPUT, TEXT_INPUT, Decoder
from models.images import decode_image_file, decode_stored
from models.serving.card import ModelCard, write_card

SCORES = "scores"
LABELS = "labels"
EXAMPLES_SIGNATURE = "serving_default"
TRANSFORM_SIGNATURE = "transform_features"
CLASSIFY_SIGNATURE = "classify"


class ServedModel(tf.Module):
    """The network behind three signatures, with the Transform graph inside.

    Args:
        model: the fitted network.
        decoder: how records are read.
    """

    def __init__(self, model: keras.Model, decoder: Decoder) -> None:
        super().__init__()
        self._decoder = decoder
        # A model of the same layers, without the optimizer, whose state takes twice the room of the weights.
        self._model = keras.Model(model.inputs, model.outputs)
        # Held as attributes so that the SavedModel keeps weights, tables and vocabulary files.
        self._transform = decoder.graph
        self._labels = tf.constant(decoder.labels)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialised records ``[b]`` to ``scores`` float32 ``[b, classes]``, in the order of ``label_id``."""
        raw = self._decoder.parse(examples, [features.IMAGE, features.DESCRIPTION])
        images = decode_stored(raw.pop(features.IMAGE), self._decoder.image)
        return {SCORES: self._score(images, raw)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def transform_examples(self, examples: tf.Tensor) -> dict[str, Any]:
        """Serialised records ``[b]`` to the transformed features; ``label_id`` is ``[b]``."""
        return dict(self._transform(self._decoder.parse(examples, [features.DESCRIPTION, features.LABEL])))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="image"),
            tf.TensorSpec([None], tf.string, name="description"),
        ],
        autograph=False,
    )
    def classify(self, image: tf.Tensor, description: tf.Tensor) -> dict[str, tf.Tensor]:
        """Image files ``[b]`` and texts ``[b]`` to ``labels`` and ``scores``, both ``[b, classes]``, best first."""
        options = self._decoder.image
        images = tf.map_fn(
            lambda file: decode_image_file(file, options),
            image,
            fn_output_signature=tf.TensorSpec([options.height, options.width, 3], tf.uint8),
        )
        spec = self._decoder.transform.raw_feature_spec()[features.DESCRIPTION]
        column = description[:, tf.newaxis]
        dense = isinstance(spec, tf.io.FixedLenFeature)
        scores = self._score(images, {features.DESCRIPTION: column if dense else tf.sparse.from_dense(column)})
        order = tf.argsort(scores, direction="DESCENDING", stable=True)
        return {LABELS: tf.gather(self._labels, order), SCORES: tf.gather(scores, order, batch_dims=1)}

    def _score(self, images: tf.Tensor, raw: dict[str, Any]) -> tf.Tensor:
        text = self._decoder.bag_of_words(raw)
        return self._model({IMAGE_INPUT: images, TEXT_INPUT: text}, training=False)


def export(model: keras.Model, decoder: Decoder, uri: str) -> None:
    """Writes a SavedModel with the signatures ``serving_default``, ``transform_features`` and ``classify``.

    Beside it lies a card, ``assets.extra/diptych.json``: the labels and how the images it reads are stored.
    """
    served = ServedModel(model, decoder)
    signatures = {
        EXAMPLES_SIGNATURE: served.score_examples,
        TRANSFORM_SIGNATURE: served.transform_examples,
        CLASSIFY_SIGNATURE: served.classify,
    }
    tf.saved_model.save(served, uri, signatures=signatures)
    write_card(ModelCard(labels=decoder.labels, image=decoder.image), uri)
