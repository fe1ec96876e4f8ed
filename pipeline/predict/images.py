"""``diptych predict``: classifies image files, each with a text if the model takes texts, by a pushed model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.image_files import decode_image, encode_pixels
from diptych.components.catalogue.options import Limits
from diptych.components.catalogue.reasons import REASONS
from diptych.models import features
from diptych.models.counts import pluralize
from diptych.models.images.options import ImageOptions
from diptych.models.os_errors import explain_cause
from diptych.models.serving.card import ModelCard
from diptych.models.serving.signature_session import Signature, import_tensorflow_alone, open_signature
from diptych.pipeline.predict.pushed_model import PredictError, answer_of, find_pushed_model, read_model_card

# The images that are decoded and classified together.
_BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """The labels of one image and their scores, best first.

    Attributes:
        image: the path of the image file.
        answer: the predicted labels: one, or of a multilabel model all that reach their thresholds.
        labels: the names of all labels; empty, as the answer, if the image could not be classified.
        scores: the score of each label.
        error: why the image could not be classified; None if it was.
    """

    image: str
    answer: list[str]
    labels: list[str]
    scores: list[float]
    error: str | None = None


def predict_images(model: str, images: Sequence[str], texts: Sequence[str]) -> list[Prediction]:
    """Classifies image files. One that cannot be classified costs no other its answer.

    Args:
        model: the folder of a pushed model, or of a run.
        images: paths of image files, in any format that ingestion reads.
        texts: a description of each image, or one for all; none for a model of images alone.

    Returns:
        A prediction for each image, in their order. Its ``error`` says that the image cannot be read, or that the model
        needs a text and it is empty.

    Raises:
        PredictError: the model cannot be read, there are neither one text nor as many as images, or there are texts for
            a model of images alone.
    """
    if texts and len(texts) not in (1, len(images)):
        given = f"{pluralize(len(images), 'image')} and {pluralize(len(texts), 'text')}"
        raise PredictError(f"{given}: give a --text for each image, or one for all")
    import_tensorflow_alone()
    folder = find_pushed_model(model)
    card = read_model_card(folder)
    descriptions = _match_texts(images, texts, card)
    predictions: list[Prediction] = []
    with open_signature(folder, "classify") as classify:
        for start in range(0, len(images), _BATCH):
            some = slice(start, start + _BATCH)
            parts = {name: values[some] for name, values in descriptions.items()}
            predictions += _predict_batch(classify, images[some], parts, card)
    return predictions


def _predict_batch(
    classify: Signature, images: Sequence[str], texts: Mapping[str, Sequence[str]], card: ModelCard
) -> list[Prediction]:
    contents: dict[int, bytes] = {}
    predictions: dict[int, Prediction] = {}
    for place, path in enumerate(images):
        try:
            contents[place] = _read_image(path, card.image)
        except OSError as error:
            predictions[place] = Prediction(path, [], [], [], explain_cause(error))
        except ImageError as error:
            reason = f"{error.reason}: {error.detail}: {REASONS[error.reason]}"
            predictions[place] = Prediction(path, [], [], [], reason)
    if contents:
        inputs = {name: [values[place] for place in contents] for name, values in texts.items()}
        answers = _classify(classify, [images[place] for place in contents], list(contents.values()), inputs, card)
        predictions |= zip(contents, answers, strict=True)
    return [predictions[place] for place in range(len(images))]


def _read_image(path: str, options: ImageOptions) -> bytes:
    """Decodes and resizes an image file as ingestion does, and encodes the pixels as PNG, which the model reads."""
    with open(path, "rb") as file:
        pixels = decode_image(file.read(), options, Limits()).pixels
    return encode_pixels(pixels, options.model_copy(update={"encoding": "png"}))


def _classify(
    classify: Signature,
    images: Sequence[str],
    contents: Sequence[bytes],
    texts: Mapping[str, Sequence[str]],
    card: ModelCard,
) -> Iterator[Prediction]:
    """The predictions of images whose contents are given."""
    answers = classify(image=contents, **texts)
    errors, labels, scores = (answers[name].tolist() for name in ("error", "labels", "scores"))
    for image, error, names, row in zip(images, errors, labels, scores, strict=True):
        if error:
            yield Prediction(image, [], [], [], error.decode())
            continue
        labels_of_row = [name.decode() for name in names]
        score_of = dict(zip(labels_of_row, row, strict=True))
        answer = answer_of(card, np.array([score_of[label] for label in card.labels], np.float32))
        yield Prediction(image, answer, labels_of_row, row)


def _match_texts(images: Sequence[str], texts: Sequence[str], card: ModelCard) -> dict[str, list[str]]:
    """The input of ``classify`` that holds a text for each image; none for a model of images alone."""
    if card.text is None:
        if texts:
            raise PredictError("this model classifies images alone, without texts: leave --text out")
        return {}
    if not texts:
        raise PredictError(
            "this model takes a text with each image: give a --text for each, or one for all; an empty one if there is "
            "none"
        )
    return {features.DESCRIPTION: list(texts) * (len(images) if len(texts) == 1 else 1)}
