"""The last blessed model: the latest version in the push directory, where Pusher puts blessed models.

A Resolver node would find it in the metadata store, but open-source Kubeflow runs none.
"""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from diptych.models.serving.card import read_card


def reason_not_comparable(candidate: str, blessed: str) -> str | None:
    """Why the last blessed model cannot score the same records as the candidate; None if it can.

    Args:
        candidate: the folder of the candidate's SavedModel.
        blessed: the folder of the last blessed SavedModel.
    """
    try:
        last = read_card(blessed)
    except FileNotFoundError as error:
        return str(error)
    except ValueError as error:
        return f"its card cannot be read: {error}"
    own = read_card(candidate)
    if last.task != own.task:
        return f"its task is {last.task}, that of this run {own.task}"
    if last.image != own.image:
        return f"it reads images stored as {last.image.model_dump()}, this run stores {own.image.model_dump()}"
    if set(last.labels) != set(own.labels):
        return f"it knows other labels: {sorted(set(last.labels) ^ set(own.labels))}"
    return None


def copy_as_model_artifact(saved_model: str, uri: str) -> Any:
    """Copies a pushed model to ``uri``, laid out as Trainer's output is, and returns the Model artifact."""
    artifact = standard_artifacts.Model()
    artifact.uri = uri
    target = path_utils.serving_model_dir(uri)
    for folder, _, names in tf.io.gfile.walk(saved_model):
        destination = os.path.join(target, os.path.relpath(folder, saved_model))
        tf.io.gfile.makedirs(destination)
        for name in names:
            tf.io.gfile.copy(os.path.join(folder, name), os.path.join(destination, name), overwrite=True)
    return artifact
