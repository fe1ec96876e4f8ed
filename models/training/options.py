"""How the network is fitted: the options."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.options import Options


class TrainOptions(Options):
    """How the network is fitted."""

    epochs: int = Field(30, ge=1, description="Most passes over the training split.")
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    patience: int = Field(5, ge=1, description="Epochs without a better val loss before training stops.")
    class_weights: Literal["none", "sqrt", "balanced"] = Field(
        "sqrt", description="Weight of a class: 1, or its inverse frequency, square-rooted or plain."
    )
    shuffle_buffer: int = Field(4096, ge=1, description="Records held in memory for shuffling.")
    seed: int = Field(0, ge=0, description="Of initial weights, dropout and shuffling.")
