"""The model card and the other files that are exported beside a SavedModel."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Literal

from diptych.models.images.options import ImageOptions
from diptych.models.labels import Task
from diptych.models.options import Options
from diptych.models.text.options import TextOptions

_FOLDER = "assets.extra"
_CARD, _ENCODERS, _WEIGHTS = "diptych.json", "encoders.json", "model.weights.h5"


class ModelCard(Options):
    """What a caller must know of an exported model.

    Attributes:
        labels: the label names in the order of ``label_id``.
        task: whether an example has one label, or any number of them.
        image: how images are stored in the records that the model scores.
        text: how the model encodes descriptions.
        needs: those of ``image`` and ``text`` that a request must have.
        versions: the versions of ``diptych``, ``tensorflow`` and ``keras`` that exported the model.
        digest: SHA-256 of the weights, hexadecimal. Models with the same digest give the same scores.
    """

    labels: tuple[str, ...]
    task: Task
    image: ImageOptions
    text: TextOptions
    needs: tuple[Literal["image", "text"], ...]
    versions: Mapping[str, str]
    digest: str


def write_card(card: ModelCard, uri: str) -> None:
    """Writes the card into the folder of a SavedModel."""
    import tensorflow as tf

    tf.io.gfile.makedirs(os.path.join(uri, _FOLDER))
    with tf.io.gfile.GFile(os.path.join(uri, _FOLDER, _CARD), "w") as file:
        file.write(card.model_dump_json(indent=2))


def read_card(uri: str) -> ModelCard:
    """Reads the card of an exported model.

    Raises:
        FileNotFoundError: the folder has no model that Diptych exported.
        ValueError: another version of Diptych wrote the card.
    """
    return ModelCard.model_validate_json(_read(uri, _CARD))


def encoders_path(uri: str) -> str:
    """The path of an exported model's text encoding, for ``diptych.models.text.sklearn_encoders.load_encoders``."""
    return os.path.join(uri, _FOLDER, _ENCODERS)


def read_encoders(uri: str) -> dict[str, Any]:
    """Reads the text encoding of an exported model, a ``diptych.models.text.sklearn_encoders.FittedEncoding``.

    Raises:
        FileNotFoundError: the folder has no model that Diptych exported.
    """
    return dict(json.loads(_read(uri, _ENCODERS)))


def read_model_vocabulary(uri: str) -> list[str]:
    """Reads the vocabulary of an exported model: the term of id ``i`` has index ``i - 1``.

    Raises:
        FileNotFoundError: the folder has no model that Diptych exported.
    """
    return list(read_encoders(uri)["vocabulary"])


def weights_path(uri: str) -> str:
    """The path of an exported model's Keras weights, from which training can start."""
    return os.path.join(uri, _FOLDER, _WEIGHTS)


def _read(uri: str, name: str) -> str:
    path = os.path.join(uri, _FOLDER, name)
    try:
        return _read_text(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"'{uri}' holds no model that Diptych exported: there is no '{path}'") from None


def _read_text(path: str) -> str:
    # A local file is read without TensorFlow, whose import takes seconds.
    if "://" not in path:
        with open(path, encoding="utf-8") as local:
            return local.read()
    import tensorflow as tf

    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(path)
    with tf.io.gfile.GFile(path) as remote:
        return str(remote.read())
