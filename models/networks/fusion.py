"""Image and text are joined: two vectors to one, and one to the labels' scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import layers

from diptych.models.labels import Task
from diptych.models.networks.layers import Mixture
from diptych.models.networks.options import FusionOptions

EMBEDDING = "embedding"
SCORES = "scores"


def join(options: FusionOptions, vectors: Sequence[Any]) -> Any:
    """One or two vectors float ``[b, n]`` to the one that is called the example's embedding, float32 ``[b, m]``."""
    if options.kind == "gated":
        joined = _gated(options.units or vectors[0].shape[-1], *vectors)
    else:
        joined = layers.Concatenate()(vectors) if len(vectors) > 1 else vectors[0]
        if options.units:
            joined = layers.Dense(options.units, activation="relu", name="joined")(joined)
    return layers.Identity(dtype="float32", name=EMBEDDING)(joined)


def _gated(units: int, image: Any, text: Any) -> Any:
    """Arevalo et al., "Gated Multimodal Units for Information Fusion", 2017."""
    gate = layers.Dense(units, activation="sigmoid", name="gate")(layers.Concatenate()([image, text]))
    seen = layers.Dense(units, activation="tanh", name="gated_image")(image)
    read = layers.Dense(units, activation="tanh", name="gated_text")(text)
    return gate * seen + (1 - gate) * read


def scores(task: Task, logits: Any) -> Any:
    """Logits ``[b, classes]`` to probabilities float32: of one label among all, or of each by itself."""
    return _activation(task, SCORES)(logits)


def late_scores(task: Task, image: Any, text: Any) -> Any:
    """The probabilities by image and by text, each from its logits ``[b, classes]``, averaged by a learned share."""
    given = [_activation(task)(logits) for logits in (image, text)]
    return Mixture(dtype="float32", name=SCORES)(*given)


def _activation(task: Task, name: str | None = None) -> Any:
    if task == "multiclass":
        return layers.Softmax(dtype="float32", name=name)
    return layers.Activation("sigmoid", dtype="float32", name=name)


def split(embedding: Any, first: int) -> tuple[Any, Any]:
    """A vector ``[b, m]`` to its first units and the rest."""
    return embedding[:, :first], embedding[:, first:]
