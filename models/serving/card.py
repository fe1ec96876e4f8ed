"""The card that lies beside an exported model: what it answers, and how what it reads is stored."""

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
    """What a caller must know of a model.

    Attributes:
        labels: names, in the order of ``label_id``.
        task: whether it gives an example one label, or any number of them.
        image: how the images of the records it scores are stored.
        text: how it encodes descriptions.
        needs: what it cannot do without, ``image`` and ``text``.
        versions: of ``diptych``, ``tensorflow`` and ``keras``, with which it was exported.
        digest: SHA-256 of its weights, hexadecimal: models of one digest give the same answers.
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
        FileNotFoundError: the folder holds no model of Diptych's.
        ValueError: the card is that of another version of Diptych.
    """
    return ModelCard.model_validate_json(_read(uri, _CARD))


def encoders_file(uri: str) -> str:
    """Where the encodings of an exported model lie, for ``diptych.models.text.exported_encoders.load_encoders``."""
    return os.path.join(uri, _FOLDER, _ENCODERS)


def read_encoders(uri: str) -> dict[str, Any]:
    """What ``diptych.models.text.exported_encoders.EncodersFile`` describes, of an exported model.

    Raises:
        FileNotFoundError: the folder holds no model of Diptych's.
    """
    return dict(json.loads(_read(uri, _ENCODERS)))


def read_terms(uri: str) -> list[str]:
    """The vocabulary of an exported model: the term of id ``i`` is in place ``i - 1``.

    Raises:
        FileNotFoundError: the folder holds no model of Diptych's.
    """
    return list(read_encoders(uri)["vocabulary"])


def weights_file(uri: str) -> str:
    """Where the Keras weights of an exported model lie, for a training that starts from them."""
    return os.path.join(uri, _FOLDER, _WEIGHTS)


def _read(uri: str, name: str) -> str:
    path = os.path.join(uri, _FOLDER, name)
    try:
        return _read_text(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"'{uri}' holds no model that Diptych exported: there is no '{path}'") from None


def _read_text(path: str) -> str:
    """Local files need no TensorFlow, which takes seconds to import."""
    if "://" not in path:
        with open(path, encoding="utf-8") as local:
            return local.read()
    import tensorflow as tf

    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(path)
    with tf.io.gfile.GFile(path) as remote:
        return str(remote.read())
