"""Finds the model that predictions are asked of, and reads its card."""

from __future__ import annotations

import os
import shlex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.models.errors import DiptychError
from diptych.models.progress import report_progress
from diptych.models.serving.card import ModelCard, read_card
from diptych.models.serving.whole_model import SAVED_MODEL_FILE, find_model_damage, find_whole_model
from diptych.models.thresholds import predict_labels
from diptych.pipeline.runs.run_folder import TRAINED_MODEL, RunFolder

# Where TFX puts the model to serve, in the artifact of Trainer.
SERVING_FOLDER = "Format-Serving"


class PredictError(DiptychError):
    """A model, an image or an output cannot be used; the message names it."""


def find_pushed_model(path: str) -> str:
    """Finds the folder of a SavedModel: the path itself, or the newest model in it or in its folder ``pushed``.

    Models of which only a part is there are passed over, which is reported as a note.

    Args:
        path: a pushed model, a folder of pushed models, or a run's folder.

    Raises:
        PredictError: there is none, or the path itself is only a part of one.
    """
    for folder in (path, RunFolder(path).pushed_folder):
        if os.path.exists(os.path.join(folder, SAVED_MODEL_FILE)):
            _check_whole(folder)
            return folder
        found = find_whole_model(folder)
        for sentence in found.passed_over:
            report_progress("note", text=sentence)
        if found.folder:
            return found.folder
    message = f"'{path}' holds no pushed model: give the folder that 'diptych run' printed as pushed"
    if RunFolder(path).results().get(TRAINED_MODEL):
        message += f"; 'diptych predict --run {shlex.quote(path)}' asks the model that was trained, though not pushed"
    raise PredictError(message)


def find_trained_model(path: str) -> str:
    """Finds the SavedModel that a run has trained, pushed or not. If it is not blessed, that is reported as a note.

    Args:
        path: a run's folder, or a copy of it.

    Raises:
        PredictError: no run has ended there that trained a model.
        RunLockedError: no run has ended there, and one is going on.
    """
    run = RunFolder(path)
    trained = run.results().get(TRAINED_MODEL)
    if trained is None:
        raise PredictError(f"'{path}' has no trained model: give the folder of a run that got as far as Trainer")
    summary = run.read_summary() or {}
    if not summary.get("blessed"):
        reasons = summary.get("blessing_reasons") or ["it was not evaluated"]
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        report_progress("note", text=f"this model is not blessed: {reasons[0]}{more}")
    return os.path.join(trained, SERVING_FOLDER)


def _check_whole(folder: str) -> None:
    if damage := find_model_damage(folder):
        raise PredictError(
            f"'{folder}' holds no model that Diptych exported, or only a part of one: {damage}; give another folder"
        )


def read_model_card(folder: str) -> ModelCard:
    """Reads the card of a model that Diptych exported.

    Raises:
        PredictError: Diptych, or this version of it, did not export the model.
    """
    try:
        return read_card(folder)
    except (FileNotFoundError, ValueError) as error:
        raise PredictError(str(error)) from None


def answer_of(card: ModelCard, scores: NDArray[Any]) -> list[str]:
    """The labels that a model predicts, best first.

    Args:
        scores: ``[labels]``, in the order of the card's labels.
    """
    predicted = predict_labels(scores[np.newaxis], card.thresholds, card.at_least_one)[0]
    return [card.labels[place] for place in np.argsort(-scores, kind="stable") if predicted[place]]
