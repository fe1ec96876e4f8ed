"""Exports a fitted network as a SavedModel with signatures for serving and evaluation."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from typing import Any

import keras
import tensorflow as tf

from diptych.models import features
from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.inputs import IMAGE_INPUT, Modality
from diptych.models.networks.build import requires_modality
from diptych.models.networks.fusion import EMBEDDING_LAYER
from diptych.models.serving.card import ModelCard, PretrainedCard, encoders_path, weights_path, write_card
from diptych.models.serving.request_batch import RequestBatch, decode_request_batch
from diptych.models.text.sklearn_encoders import export_encoders
from diptych.models.thresholds import DEFAULT_THRESHOLD

# The outputs of the signatures.
SCORES = "scores"
LABELS = "labels"
PREDICTED = "predicted"
EMBEDDING = "embedding"
ERROR = "error"

EXAMPLES_SIGNATURE = "serving_default"
TRANSFORM_SIGNATURE = "transform_features"
CLASSIFY_SIGNATURE = "classify"
EMBED_SIGNATURE = "embed"
NETWORK_SIGNATURE = "network"
DESCRIBE_SIGNATURE = "describe"

_MODALITIES: tuple[Modality, ...] = ("image", "text")
_EXAMPLES_SPEC = [tf.TensorSpec([None], tf.string, name="examples")]
_IMAGE_SPEC = tf.TensorSpec([None], tf.string, name="image")
_TEXT_SPEC = tf.TensorSpec([None], tf.string, name="description")


class ServedModel(tf.Module):
    """The module that is saved: the network and the Transform graph, with a method for each signature.

    Args:
        model: the fitted network.
        decoder: decodes the records that the network was fitted on.
        card: the model card, which ``describe`` returns.
    """

    def __init__(self, model: keras.Model, decoder: TransformGraphDecoder, card: ModelCard) -> None:
        super().__init__()
        self._decoder = decoder
        outputs = {SCORES: model.output, EMBEDDING: model.get_layer(EMBEDDING_LAYER).output}
        # This model has the same layers without the optimizer, whose state is twice as large as the weights.
        network = keras.Model(model.inputs, outputs)
        # These are attributes so that the SavedModel contains weights, tables and vocabulary files. The weights are
        # TensorFlow's: of Keras's own variables, it saves copies, and only Python's loader finds them.
        self._weights, self._transform = [variable.value for variable in network.variables], decoder.graph
        self._labels, self._vocabulary = tf.constant(decoder.labels), tf.constant(list(decoder.terms), tf.string)
        self._card = card
        # A graph that every signature calls, so that the network is traced once.
        self._call_network = tf.function(
            lambda inputs: dict(network(inputs, training=False)),
            input_signature=[decoder.inputs.spec()],
            autograph=False,
        )
        self.classify, self.embed = self._request_function(self._classify), self._request_function(self._embed)

    @tf.function(input_signature=_EXAMPLES_SPEC, autograph=False)
    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialised records ``[b]`` to ``scores`` float32 ``[b, classes]``, in the order of ``label_id``."""
        raw = self._decoder.parse(examples, [features.IMAGE, *self._decoder.text_features])
        return {SCORES: self._call_network(self._decoder.network_inputs(raw))[SCORES]}

    @tf.function(input_signature=_EXAMPLES_SPEC, autograph=False)
    def transform_examples(self, examples: tf.Tensor) -> dict[str, Any]:
        """Serialised records ``[b]`` to the transformed features; ``label_id`` is that of the decoder's ``label``."""
        raw = self._decoder.parse(examples, [*self._decoder.text_features, features.LABEL])
        return {**self._decoder.encode_texts(raw), features.LABEL_ID: self._decoder.label(raw)}

    def _request_function(self, answer: Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]) -> Any:
        """The function of image files ``[b]`` and texts ``[b]`` as a signature.

        That of a model of images alone has no input for texts, so that one that is sent is refused.
        """
        if self._card.text:
            return tf.function(answer, input_signature=[_IMAGE_SPEC, _TEXT_SPEC], autograph=False)

        def answer_image(image: tf.Tensor) -> dict[str, tf.Tensor]:
            return answer(image, tf.fill(tf.shape(image), ""))

        return tf.function(answer_image, input_signature=[_IMAGE_SPEC], autograph=False)

    def _classify(self, image: tf.Tensor, description: tf.Tensor) -> dict[str, tf.Tensor]:
        """Image files ``[b]`` and texts ``[b]`` to ``labels``, ``scores`` and ``predicted``.

        They are ``[b, classes]``, best first; ``predicted`` is bool, as ``diptych.models.thresholds.predict_labels``
        defines it. ``error`` string ``[b]`` is empty for each row that was scored; the other rows have empty labels,
        scores of 0, and none predicted.
        """
        requests = self._decode_requests(image, description)
        is_valid = tf.equal(requests.errors, "")[:, tf.newaxis]
        scores = self._call_network(self._network_inputs(requests))[SCORES]
        order = tf.argsort(scores, direction="DESCENDING", stable=True)
        scores = tf.gather(scores, order, batch_dims=1)
        return {
            LABELS: tf.where(is_valid, tf.gather(self._labels, order), ""),
            SCORES: tf.where(is_valid, scores, 0.0),
            PREDICTED: self._predict(scores, order) & is_valid,
            ERROR: requests.errors,
        }

    def _predict(self, scores: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
        """Which labels are predicted, bool ``[b, classes]``; scores and label ids have the order of best first."""
        is_best = tf.zeros_like(order) == tf.range(len(self._card.labels))
        if self._card.thresholds is None:
            return is_best
        predicted = tf.cast(scores, tf.float32) >= tf.gather(tf.constant(self._card.thresholds, tf.float32), order)
        if not self._card.at_least_one:
            return predicted
        return predicted | (is_best & ~tf.reduce_any(predicted, axis=1, keepdims=True))

    def _embed(self, image: tf.Tensor, description: tf.Tensor) -> dict[str, tf.Tensor]:
        """Image files ``[b]`` and texts ``[b]`` to ``embedding`` float32 ``[b, n]``; ``error`` as in ``classify``."""
        requests = self._decode_requests(image, description)
        is_valid = tf.equal(requests.errors, "")[:, tf.newaxis]
        embedding = tf.cast(self._call_network(self._network_inputs(requests))[EMBEDDING], tf.float32)
        return {EMBEDDING: tf.where(is_valid, embedding, 0.0), ERROR: requests.errors}

    @tf.function(input_signature=[], autograph=False)
    def describe(self) -> dict[str, tf.Tensor]:
        """``labels`` in the order of ``label_id``, ``vocabulary`` in that of the ids, and the ``card`` as JSON."""
        card = tf.constant(self._card.model_dump_json())
        return {LABELS: self._labels, "vocabulary": self._vocabulary, "card": card}

    def network(self) -> Any:
        """The signature from the inputs of the network to ``scores`` float32 ``[b, classes]``."""
        specs = self._decoder.inputs.spec().items()
        arguments = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in specs}
        function = tf.function(lambda **inputs: {SCORES: self._call_network(inputs)[SCORES]}, autograph=False)
        return function.get_concrete_function(**arguments)

    def _decode_requests(self, image: tf.Tensor, description: tf.Tensor) -> RequestBatch:
        return decode_request_batch(image, description, self._decoder.image, self._card.needs)

    def _network_inputs(self, requests: RequestBatch) -> dict[str, tf.Tensor]:
        if self._card.text is None:
            return {IMAGE_INPUT: requests.images}
        spec = self._decoder.transform.raw_feature_spec()[features.DESCRIPTION]
        column = requests.texts[:, tf.newaxis]
        is_dense = isinstance(spec, tf.io.FixedLenFeature)
        raw = {features.DESCRIPTION: column if is_dense else tf.sparse.from_dense(column)}
        return {IMAGE_INPUT: requests.images, **self._decoder.text_inputs(raw)}


def export_model(
    model: keras.Model,
    decoder: TransformGraphDecoder,
    uri: str,
    optional: Collection[Modality] = (),
    thresholds: Sequence[float] | None = None,
    at_least_one: bool = False,
    pretrained: PretrainedCard | None = None,
) -> None:
    """Writes a SavedModel with the signatures of ``ServedModel``.

    The card, the text encoding and Keras's weights are written beside it; ``diptych.models.serving.card`` reads them.

    Args:
        model: a fitted network of ``diptych.models.networks.build.build_network``.
        decoder: decodes the records that the network was fitted on.
        uri: the folder of the SavedModel.
        optional: what examples of train may lack, and so a request may lack it too.
        thresholds: for multilabel, the least score of each label at which it is predicted, by default 0.5; for
            multiclass None.
        at_least_one: whether an example none of whose labels reaches its threshold gets the best-scored one.
        pretrained: where the weights of the backbone come from.

    Raises:
        ValueError: there are not as many thresholds as the task needs.
    """
    card = ModelCard(
        labels=tuple(decoder.labels),
        task=decoder.task,
        thresholds=_thresholds(decoder, thresholds),
        at_least_one=at_least_one,
        image=decoder.image,
        text=decoder.text,
        needs=tuple(name for name in _MODALITIES if requires_modality(model, name) and name not in optional),
        versions={"diptych": version("diptych"), "tensorflow": tf.__version__, "keras": keras.__version__},
        digest=weights_digest(model),
        pretrained=pretrained,
    )
    with tempfile.TemporaryDirectory() as folder:
        # Keras writes local files only, so the files are written here and copied.
        paths = [encoders_path(uri), weights_path(uri)]
        encoders, weights = (os.path.join(folder, os.path.basename(path)) for path in paths)
        transform_graph = os.path.dirname(decoder.transform.transform_savedmodel_dir)
        export_encoders(transform_graph, encoders)
        model.save_weights(weights)
        _save(ServedModel(model, decoder, card), uri)
        write_card(card, uri)
        for local, path in zip((encoders, weights), paths, strict=True):
            tf.io.gfile.copy(local, path, overwrite=True)


def _thresholds(decoder: TransformGraphDecoder, given: Sequence[float] | None) -> tuple[float, ...] | None:
    if given is None:
        return (DEFAULT_THRESHOLD,) * len(decoder.labels) if decoder.task == "multilabel" else None
    return tuple(map(float, given))


def weights_digest(model: keras.Model) -> str:
    """SHA-256 of the weights of a network in their order, hexadecimal."""
    digest = hashlib.sha256()
    for weight in model.weights:
        digest.update(f"{weight.shape}{weight.dtype}".encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()


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
