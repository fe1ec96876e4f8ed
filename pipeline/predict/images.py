"""``diptych predict``: classifies image files, each with a text, by a pushed model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.components.catalogue.image_files import ImageError, decode_image, encode_pixels
from diptych.components.catalogue.options import Limits
from diptych.models.images.options import ImageOptions
from diptych.pipeline.predict.pushed_model import PredictError, find_pushed_model, read_model_card


@dataclass(frozen=True)
class Prediction:
    """The labels of one image and their scores, best first.

    Attributes:
        image: the path of the image file.
    """

    image: str
    labels: list[str]
    scores: list[float]


def read_image(path: str, options: ImageOptions) -> bytes:
    """Decodes and resizes an image file as ingestion does, and encodes the pixels as PNG, which the model reads.

    Args:
        path: a file in any format that ingestion reads.

    Raises:
        PredictError: there is no such file, or it is no image.
    """
    try:
        with open(path, "rb") as file:
            pixels = decode_image(file.read(), options, Limits()).pixels
    except OSError as error:
        raise PredictError(f"'{path}': {error.strerror}") from None
    except ImageError as error:
        raise PredictError(f"'{path}': {error}") from None
    return encode_pixels(pixels, options.model_copy(update={"encoding": "png"}))


def predict_images(model: str, images: Sequence[str], texts: Sequence[str]) -> list[Prediction]:
    """Classifies image files.

    Args:
        model: the folder of a pushed model, or of a run.
        images: paths of image files.
        texts: a description of each image, or one for all.

    Raises:
        PredictError: the model or an image cannot be read, the model needs a text that is empty, or there are neither
            one text nor as many as images.
    """
    if len(texts) not in (1, len(images)):
        raise PredictError(f"{len(images)} images and {len(texts)} texts: give a --text for each image, or one for all")
    texts = list(texts) * (len(images) if len(texts) == 1 else 1)
    folder = find_pushed_model(model)
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
