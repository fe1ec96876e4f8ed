"""The card that lies beside an exported model: what it answers, and how the images it reads are stored."""

from __future__ import annotations

import os

from models.images import ImageOptions
from models.options import Options

_FILE = os.path.join("assets.extra", "diptych.json")


class ModelCard(Options):
    """What a caller must know of a model.

    Attributes:
        labels: names, in the order of ``label_id``.
        image: how the images of the records it scores are stored.
    """

    labels: tuple[str, ...]
    image: ImageOptions


def write_card(card: ModelCard, uri: str) -> None:
    """Writes the card into the folder of a SavedModel."""
    import tensorflow as tf

    path = os.path.join(uri, _FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(card.model_dump_json(indent=2))


def read_card(uri: str) -> ModelCard:
    """Reads the card of an exported model.

    Raises:
        FileNotFoundError: the folder holds no model of Diptych's.
        ValueError: the card is that of another version of Diptych.
    """
    try:
        text = _read(os.path.join(uri, _FILE))
    except FileNotFoundError:
        raise FileNotFoundError(f"'{uri}' holds no model that Diptych exported") from None
    return ModelCard.model_validate_json(text)


def _read(path: str) -> str:
    """Local files need no TensorFlow, which takes seconds to import."""
    if "://" not in path:
        with open(path, encoding="utf-8") as local:
            return local.read()
    import tensorflow as tf

    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(path)
    with tf.io.gfile.GFile(path) as remote:
        return str(remote.read())
