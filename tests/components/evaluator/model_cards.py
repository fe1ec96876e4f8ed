"""Model cards and folders for the tests of the Evaluator."""

from __future__ import annotations

from pathlib import Path

from diptych.models.images.options import ImageOptions
from diptych.models.labels import Task
from diptych.models.serving.card import ModelCard, write_card
from diptych.models.text.options import TextOptions


def make_card(labels: list[str], image: ImageOptions | None = None, task: Task = "multiclass") -> ModelCard:
    """A card with the given labels, image options and task, and defaults for everything else."""
    return ModelCard(
        labels=tuple(labels),
        task=task,
        image=image or ImageOptions(),
        text=TextOptions(),
        needs=("image", "text"),
        versions={"diptych": "0"},
        digest="0",
    )


def write_model(folder: Path, card: ModelCard) -> str:
    """Writes a card into a folder and returns the folder."""
    write_card(card, str(folder))
    return str(folder)
