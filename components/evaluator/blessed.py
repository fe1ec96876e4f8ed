"""The last blessed model: the newest one at the push destination, which Pusher names by the time of the push.

A Resolver node would find it in the metadata store, but open-source Kubeflow runs none.
"""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from diptych.models.serving.card import read_card


def incomparable(candidate: str, blessed: str) -> str | None:
    """Why two exported models cannot score the same records, or None if they can."""
    try:
        old = read_card(blessed)
    except FileNotFoundError as error:
        return str(error)
    except ValueError as error:
        return f"its card cannot be read: {error}"
    new = read_card(candidate)
    if old.task != new.task:
        return f"its task is {old.task}, that of this run {new.task}"
    if old.image != new.image:
        return f"it reads images stored as {old.image.model_dump()}, this run stores {new.image.model_dump()}"
    if set(old.labels) != set(new.labels):
        return f"it knows other labels: {sorted(set(old.labels) ^ set(new.labels))}"
    return None


def as_model_artifact(saved_model: str, work_uri: str) -> Any:
    """A Model artifact, laid out as Trainer's is, that holds a copy of a pushed model."""
    artifact = standard_artifacts.Model()
    artifact.uri = work_uri
    target = path_utils.serving_model_dir(work_uri)
    for folder, _, names in tf.io.gfile.walk(saved_model):
        destination = os.path.join(target, os.path.relpath(folder, saved_model))
        tf.io.gfile.makedirs(destination)
        for name in names:
            tf.io.gfile.copy(os.path.join(folder, name), os.path.join(destination, name), overwrite=True)
    return artifact
