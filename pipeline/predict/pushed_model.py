"""Finds the model that predictions are asked of, and reads its card."""

from __future__ import annotations

import os

from diptych.models.errors import DiptychError
from diptych.models.serving.card import ModelCard, read_card
from diptych.pipeline.runs.run_folder import RunFolder, newest_version


class PredictError(DiptychError):
    """A model, an image or an output cannot be used; the message names it."""


def find_pushed_model(path: str) -> str:
    """Finds the folder of a SavedModel: the path itself, or the newest model in it or in its folder ``pushed``.

    Args:
        path: a pushed model, a folder of pushed models, or a run's folder.

    Raises:
        PredictError: there is none.
    """
    for folder in (path, RunFolder(path).pushed_folder):
        if os.path.exists(os.path.join(folder, "saved_model.pb")):
            return folder
        if newest := newest_version(folder):
            return newest
    raise PredictError(f"'{path}' holds no pushed model: give the folder that 'diptych run' printed as pushed")


def read_model_card(folder: str) -> ModelCard:
    """Reads the card of a model that Diptych exported.

    Raises:
        PredictError: Diptych, or this version of it, did not export the model.
    """
    try:
        return read_card(folder)
    except (FileNotFoundError, ValueError) as error:
        raise PredictError(str(error)) from None
