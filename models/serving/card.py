"""The model card and the other files that are exported beside a SavedModel."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import model_validator

from diptych.models.images.options import ImageOptions
from diptych.models.images.pretrained.weights import find_pretrained_weights
from diptych.models.inputs import Modality
from diptych.models.labels import Task
from diptych.models.networks.options import IMAGENET, NetworkOptions
from diptych.models.options import Options
from diptych.models.text.options import TextOptions

_FOLDER = "assets.extra"
_CARD, _ENCODERS, _WEIGHTS = "diptych.json", "encoders.json", "model.weights.h5"


class PretrainedCard(Options):
    """Where the weights come from that a backbone had before this training.

    Attributes:
        backbone: its name.
        source: the package, the file or the download that gave them.
        licence: under which they are given; None if nobody said.
        digest: SHA-256 of their file, hexadecimal; None for a download, which Keras checks itself.
    """

    backbone: str
    source: str
    licence: str | None
    digest: str | None


def describe_pretrained(network: NetworkOptions) -> PretrainedCard | None:
    """What a card says of the weights that a network started from; None if it started from none.

    Args:
        network: its backbone is not ``auto``.
    """
    image = network.image
    if image is None or not image.is_pretrained:
        return None
    if image.weights is None:
        found = find_pretrained_weights()
        return found and PretrainedCard(
            backbone=image.backbone, source=found.source, licence=found.licence, digest=found.digest
        )
    is_file = image.weights != IMAGENET
    digest = hashlib.sha256(Path(image.weights).read_bytes()).hexdigest() if is_file else None
    source = image.weights if is_file else f"keras.applications.{image.backbone}, trained on ImageNet"
    return PretrainedCard(backbone=image.backbone, source=source, licence=None, digest=digest)


class ModelCard(Options):
    """What a caller must know of an exported model.

    Attributes:
        labels: the label names in the order of ``label_id``.
        task: whether an example has one label, or any number of them.
        thresholds: for multilabel, the least score of each label at which it is predicted; for multiclass None.
        at_least_one: whether an example none of whose labels reaches its threshold gets the best-scored one.
        image: how images are stored in the records that the model scores.
        text: how the model encodes descriptions; None for a model of images alone, which takes none.
        needs: those of ``image`` and ``text`` that a request must have.
        versions: the versions of ``diptych``, ``tensorflow`` and ``keras`` that exported the model.
        digest: SHA-256 of the weights, hexadecimal. Models with the same digest give the same scores.
        pretrained: where the weights of its backbone come from; None if it started from none.
    """

    labels: tuple[str, ...]
    task: Task
    thresholds: tuple[float, ...] | None = None
    at_least_one: bool = False
    image: ImageOptions
    text: TextOptions | None
    needs: tuple[Modality, ...]
    versions: Mapping[str, str]
    digest: str
    pretrained: PretrainedCard | None = None

    @model_validator(mode="after")
    def _check_thresholds(self) -> ModelCard:
        expected = len(self.labels) if self.task == "multilabel" else None
        if (None if self.thresholds is None else len(self.thresholds)) != expected:
            raise ValueError(
                f"a {self.task} model of {len(self.labels)} labels has no such thresholds: {self.thresholds}"
            )
        return self


def reason_not_scorable(card: ModelCard, image: ImageOptions, has_texts: bool) -> str | None:
    """Why a model cannot score the records of a dataset, to be read after its name; None if it can.

    Args:
        image: how the images of the records are stored.
        has_texts: whether the records have descriptions.
    """
    if card.image != image:
        return f"it reads images stored as {card.image.model_dump()}, this run stores {image.model_dump()}"
    if card.text and not has_texts:
        return "it reads descriptions, and the examples of this run have none"
    return None


def write_card(card: ModelCard, uri: str) -> None:
    """Writes the card into the folder of a SavedModel."""
    import tensorflow as tf

    tf.io.gfile.makedirs(os.path.join(uri, _FOLDER))
    with tf.io.gfile.GFile(card_path(uri), "w") as file:
        file.write(card.model_dump_json(indent=2))


def read_card(uri: str) -> ModelCard:
    """Reads the card of an exported model.

    Raises:
        FileNotFoundError: the folder has no model that Diptych exported.
        ValueError: another version of Diptych wrote the card.
    """
    return ModelCard.model_validate_json(_read(uri, _CARD))


def card_path(uri: str) -> str:
    """The path of an exported model's card."""
    return os.path.join(uri, _FOLDER, _CARD)


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
