"""Model cards and folders for the tests of the Evaluator."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from diptych.models.images.options import ImageOptions
from diptych.models.labels import Task
from diptych.models.serving.card import ModelCard, encoders_path, weights_path, write_card
from diptych.models.text.options import TextOptions


def make_card(labels: list[str], image: ImageOptions | None = None, task: Task = "multiclass") -> ModelCard:
    """A card with the given labels, image options and task, and defaults for everything else."""
    return ModelCard(
        labels=tuple(labels),
        task=task,
        thresholds=(0.5,) * len(labels) if task == "multilabel" else None,
        image=image or ImageOptions(),
        text=TextOptions(),
        needs=("image", "text"),
        versions={"diptych": "0"},
        digest="0",
    )


def write_model(folder: Path, card: ModelCard) -> str:
    """Writes what Diptych exports beside a SavedModel into its folder, and returns the folder."""
    import h5py

    write_card(card, str(folder))
    Path(encoders_path(str(folder))).write_text("{}")
    with h5py.File(weights_path(str(folder)), "w") as file:
        file["weight"] = np.arange(100)
    return str(folder)


def write_whole_model(folder: Path, value: float = 1.0) -> str:
    """Writes a SavedModel of one variable of a given value, with an asset, as Diptych exports one."""
    import tensorflow as tf

    with TemporaryDirectory() as elsewhere:
        words = Path(elsewhere, "words.txt")
        words.write_text("word\n")
        module = tf.Module()
        module.weight, module.words = tf.Variable([value] * 50), tf.saved_model.Asset(str(words))
        tf.saved_model.save(module, str(folder))
    return write_model(folder, make_card(["a", "b"]))
