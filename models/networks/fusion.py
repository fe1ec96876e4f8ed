"""Fuses the vectors of image and text, and computes the scores of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from diptych.models.labels import Task
from diptych.models.networks.layers import LearnedAverage
from diptych.models.networks.options import FusionOptions

EMBEDDING_LAYER = "embedding"
SCORES_LAYER = "scores"

# Probabilities are kept at least so far from 0 and 1, so that their logits are finite.
_EPSILON = 1e-7


def fuse(options: FusionOptions, vectors: Sequence[Any]) -> Any:
    """Fuses one or two vectors float ``[b, n]`` to the embedding of the example, float32 ``[b, m]``."""
    if options.kind == "gated":
        fused = _gate(options.units or vectors[0].shape[-1], *vectors)
    else:
        fused = layers.Concatenate()(vectors) if len(vectors) > 1 else vectors[0]
        if options.units:
            fused = layers.Dense(options.units, activation="relu", name="joined")(fused)
    return layers.Identity(dtype="float32", name=EMBEDDING_LAYER)(fused)


def split_embedding(embedding: Any, image_units: int) -> tuple[Any, Any]:
    """Splits an embedding of concatenated vectors ``[b, m]`` into those of image and text."""
    return embedding[:, :image_units], embedding[:, image_units:]


def compute_scores(task: Task, logits: Any, name: str | None = None) -> Any:
    """Logits ``[b, classes]`` to probabilities float32: by softmax for multiclass, by sigmoid for multilabel."""
    return _activation(task, name)(logits)


def average_logits(task: Task, image_logits: Any, text_logits: Any) -> Any:
    """Logits by image and by text ``[b, classes]`` to those of the learned average of their probabilities, float32."""
    scores = [_activation(task)(logits) for logits in (image_logits, text_logits)]
    average = ops.clip(LearnedAverage(dtype="float32")(*scores), _EPSILON, 1 - _EPSILON)
    return ops.log(average) if task == "multiclass" else ops.log(average / (1 - average))


def _gate(units: int, image: Any, text: Any) -> Any:
    """The gated unit of Arevalo et al., "Gated Multimodal Units for Information Fusion", 2017."""
    gate = layers.Dense(units, activation="sigmoid", name="gate")(layers.Concatenate()([image, text]))
    gated_image = layers.Dense(units, activation="tanh", name="gated_image")(image)
    gated_text = layers.Dense(units, activation="tanh", name="gated_text")(text)
    return gate * gated_image + (1 - gate) * gated_text


def _activation(task: Task, name: str | None = None) -> Any:
    if task == "multiclass":
        return layers.Softmax(dtype="float32", name=name)
    return layers.Activation("sigmoid", dtype="float32", name=name)
