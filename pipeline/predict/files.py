"""``diptych predict``: asks a pushed model about image files and texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from diptych.components.catalogue.image_files import ImageError, decode, encode
from diptych.components.catalogue.options import Limits
from diptych.models.errors import DiptychError
from diptych.models.images.options import ImageOptions
from diptych.models.serving.card import ModelCard, read_card


class PredictError(DiptychError):
    """The model or an image cannot be used; the message names it."""


@dataclass(frozen=True)
class Prediction:
    """A model's answer: labels and their scores, best first."""

    image: str
    labels: list[str]
    scores: list[float]


def find_model(path: str) -> str:
    """The SavedModel in a folder: itself, its newest numbered folder, or that of its ``pushed`` folder.

    Raises:
        PredictError: there is none.
    """
    for folder in (path, os.path.join(path, "pushed")):
        if os.path.exists(os.path.join(folder, "saved_model.pb")):
            return folder
        names = os.listdir(folder) if os.path.isdir(folder) else []
        versions = sorted((name for name in names if name.isdecimal()), key=int)
        if versions:
            return os.path.join(folder, versions[-1])
    raise PredictError(f"'{path}' holds no pushed model: give the folder that 'diptych run' printed as pushed")


def read_model_card(folder: str) -> ModelCard:
    """The card of a model.

    Raises:
        PredictError: the model is none of Diptych's, or one of another version.
    """
    try:
        return read_card(folder)
    except (FileNotFoundError, ValueError) as error:
        raise PredictError(str(error)) from None


def read_image(path: str, options: ImageOptions) -> bytes:
    """The image as ingestion would store it, as a PNG file: any format that ingestion reads, and the same pixels.

    Raises:
        PredictError: no such file, or no image.
    """
    try:
        with open(path, "rb") as file:
            pixels = decode(file.read(), options, Limits()).pixels
    except OSError as error:
        raise PredictError(f"'{path}': {error.strerror}") from None
    except ImageError as error:
        raise PredictError(f"'{path}': {error}") from None
    return encode(pixels, options.model_copy(update={"encoding": "png"}))


def predict(model: str, images: Sequence[str], texts: Sequence[str]) -> list[Prediction]:
    """Classifies image files with one text each, or one text for all.

    Raises:
        PredictError: no model, no image, no text where the model needs one, or another number of texts.
    """
    if len(texts) not in (1, len(images)):
        raise PredictError(f"{len(images)} images and {len(texts)} texts: give a --text for each image, or one for all")
    texts = list(texts) * (len(images) if len(texts) == 1 else 1)
    folder = find_model(model)
    card = read_model_card(folder)
    files = [read_image(path, card.image) for path in images]
    import tensorflow as tf

    classify = tf.saved_model.load(folder).signatures["classify"]
    answers = classify(image=tf.constant(files), description=tf.constant(texts))
    for path, error in zip(images, answers["error"].numpy(), strict=True):
        if error:
            raise PredictError(f"'{path}': {error.decode()}")
    labels, scores = answers["labels"].numpy(), answers["scores"].numpy()
    return [
        Prediction(path, [name.decode() for name in names], [float(score) for score in row])
        for path, names, row in zip(images, labels, scores, strict=True)
    ]
