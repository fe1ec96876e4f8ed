"""The served model: what it takes, and how it is exported."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Literal

import keras
import tensorflow as tf

from diptych.models import features
from diptych.models.decoders.transformed import Decoder
from diptych.models.inputs import IMAGE_INPUT
from diptych.models.networks.build import needs
from diptych.models.serving.card import ModelCard, encoders_file, weights_file, write_card
from diptych.models.serving.rows import Rows, read_rows
from diptych.models.text.exported_encoders import export_encoders

SCORES = "scores"
LABELS = "labels"
EMBEDDING = "embedding"
ERROR = "error"

EXAMPLES_SIGNATURE = "serving_default"
TRANSFORM_SIGNATURE = "transform_features"
CLASSIFY_SIGNATURE = "classify"
EMBED_SIGNATURE = "embed"
NETWORK_SIGNATURE = "network"
DESCRIBE_SIGNATURE = "describe"

_PARTS: tuple[Literal["image"], Literal["text"]] = ("image", "text")
_EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]
_ROWS = [tf.TensorSpec([None], tf.string, name="image"), tf.TensorSpec([None], tf.string, name="description")]


class ServedModel(tf.Module):
    """The network behind its signatures, with the Transform graph inside.

    Args:
        model: the fitted network.
        decoder: how records are read.
        card: what ``describe`` tells.
        terms: the vocabulary.
    """

    def __init__(self, model: keras.Model, decoder: Decoder, card: ModelCard, terms: Sequence[str]) -> None:
        super().__init__()
        self._decoder = decoder
        outputs = {SCORES: model.output, EMBEDDING: model.get_layer(EMBEDDING).output}
        # A model of the same layers, without the optimizer, whose state takes twice the room of the weights.
        self._model = keras.Model(model.inputs, outputs)
        # Held as attributes so that the SavedModel keeps weights, tables and vocabulary files.
        self._transform = decoder.graph
        self._labels, self._terms = tf.constant(decoder.labels), tf.constant(list(terms), tf.string)
        self._card = card

    @tf.function(input_signature=_EXAMPLES, autograph=False)
    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialised records ``[b]`` to ``scores`` float32 ``[b, classes]``, in the order of ``label_id``."""
        raw = self._decoder.parse(examples, [features.IMAGE, features.DESCRIPTION])
        return {SCORES: self._answer(self._decoder.network_inputs(raw))[SCORES]}

    @tf.function(input_signature=_EXAMPLES, autograph=False)
    def transform_examples(self, examples: tf.Tensor) -> dict[str, Any]:
        """Serialised records ``[b]`` to the transformed features; ``label_id`` is as ``Decoder.label`` gives it."""
        raw = self._decoder.parse(examples, [features.DESCRIPTION, features.LABEL])
        return {**self._transform({features.DESCRIPTION: raw[features.DESCRIPTION]}), **self._label(raw)}

    @tf.function(input_signature=_ROWS, autograph=False)
    def classify(self, image: tf.Tensor, description: tf.Tensor) -> dict[str, tf.Tensor]:
        """Image files ``[b]`` and texts ``[b]`` to ``labels`` and ``scores``, both ``[b, classes]``, best first.

        ``error`` string ``[b]`` is empty for a row that could be answered; another has scores of 0 and no labels.
        """
        rows = self._read(image, description)
        fine = tf.equal(rows.errors, "")[:, tf.newaxis]
        scores = self._answer(self._inputs(rows))[SCORES]
        order = tf.argsort(scores, direction="DESCENDING", stable=True)
        return {
            LABELS: tf.where(fine, tf.gather(self._labels, order), ""),
            SCORES: tf.where(fine, tf.gather(scores, order, batch_dims=1), 0.0),
            ERROR: rows.errors,
        }

    @tf.function(input_signature=_ROWS, autograph=False)
    def embed(self, image: tf.Tensor, description: tf.Tensor) -> dict[str, tf.Tensor]:
        """Image files ``[b]`` and texts ``[b]`` to ``embedding`` float32 ``[b, n]``; ``error`` as ``classify``'s."""
        rows = self._read(image, description)
        fine = tf.equal(rows.errors, "")[:, tf.newaxis]
        embedding = tf.cast(self._answer(self._inputs(rows))[EMBEDDING], tf.float32)
        return {EMBEDDING: tf.where(fine, embedding, 0.0), ERROR: rows.errors}

    @tf.function(input_signature=[], autograph=False)
    def describe(self) -> dict[str, tf.Tensor]:
        """``labels`` in the order of ``label_id``, ``vocabulary`` in that of the ids, and the ``card`` as JSON."""
        return {LABELS: self._labels, "vocabulary": self._terms, "card": tf.constant(self._card.model_dump_json())}

    def network(self) -> Any:
        """The signature of what ``Decoder.inputs`` describes to ``scores`` float32 ``[b, classes]``."""
        spec = {name: tf.TensorSpec(of.shape, of.dtype, name) for name, of in self._decoder.inputs.spec().items()}
        function = tf.function(lambda **inputs: {SCORES: self._answer(inputs)[SCORES]}, autograph=False)
        return function.get_concrete_function(**spec)

    def _read(self, image: tf.Tensor, description: tf.Tensor) -> Rows:
        return read_rows(image, description, self._decoder.image, self._card.needs)

    def _inputs(self, rows: Rows) -> dict[str, tf.Tensor]:
        spec = self._decoder.transform.raw_feature_spec()[features.DESCRIPTION]
        column = rows.texts[:, tf.newaxis]
        dense = isinstance(spec, tf.io.FixedLenFeature)
        raw = {features.DESCRIPTION: column if dense else tf.sparse.from_dense(column)}
        return {IMAGE_INPUT: rows.images, **self._decoder.text_inputs(raw)}

    def _label(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        return {features.LABEL_ID: self._decoder.label(raw)}

    def _answer(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return dict(self._model(inputs, training=False))


def export(model: keras.Model, decoder: Decoder, uri: str) -> None:
    """Writes a SavedModel with the signatures of ``ServedModel``.

    In its folder ``assets.extra`` lie the card, the encoders and Keras's weights: see ``diptych.models.serving.card``.

    Args:
        model: of ``diptych.models.networks.build.build_network``, fitted.
        decoder: that of its records.
    """
    card = ModelCard(
        labels=tuple(decoder.labels),
        task=decoder.task,
        image=decoder.image,
        text=decoder.text,
        needs=tuple(part for part in _PARTS if needs(model, part)),
        versions={"diptych": version("diptych"), "tensorflow": tf.__version__, "keras": keras.__version__},
        digest=weights_digest(model),
    )
    with tempfile.TemporaryDirectory() as folder:
        # Keras writes local files only.
        beside = {os.path.join(folder, os.path.basename(of(uri))): of(uri) for of in (encoders_file, weights_file)}
        encoders, weights = beside
        transform_graph = os.path.dirname(decoder.transform.transform_savedmodel_dir)
        terms = export_encoders(transform_graph, encoders).vocabulary
        model.save_weights(weights)
        _save(ServedModel(model, decoder, card, terms), uri)
        write_card(card, uri)
        for local, path in beside.items():
            tf.io.gfile.copy(local, path, overwrite=True)


def _save(served: ServedModel, uri: str) -> None:
    signatures = {
        EXAMPLES_SIGNATURE: served.score_examples,
        TRANSFORM_SIGNATURE: served.transform_examples,
        CLASSIFY_SIGNATURE: served.classify,
        EMBED_SIGNATURE: served.embed,
        NETWORK_SIGNATURE: served.network(),
        DESCRIBE_SIGNATURE: served.describe,
    }
    tf.saved_model.save(served, uri, signatures=signatures)


def weights_digest(model: keras.Model) -> str:
    """SHA-256 of a network's weights in their order, hexadecimal."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(f"{weight.shape}{weight.dtype}".encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()
