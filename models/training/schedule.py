"""How long training is, and in what parts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from diptych.models.images.options import ImageOptions
from diptych.models.networks.options import NetworkOptions
from diptych.models.training.options import TrainOptions

_LEAST_BATCH, _GREATEST_BATCH = 8, 256
# Fewer steps an epoch learn little of what their examples could teach.
_LEAST_STEPS = 32
# In float32 a batch takes 64 MB of them at most, and what layers keep for the way back some ten times that.
_PIXEL_VALUES = 2**24


@dataclass(frozen=True)
class Plan:
    """How long training is.

    Attributes:
        batch_size: records of a batch.
        steps: batches of an epoch.
        epochs: most of them.
    """

    batch_size: int
    steps: int
    epochs: int


@dataclass(frozen=True)
class Phase:
    """Epochs of training, from ``start`` up to ``end``, that one optimizer sees.

    Attributes:
        learning_rate: the greatest in these epochs.
        frozen: whether the backbone's weights stay as they are.
    """

    start: int
    end: int
    learning_rate: float
    frozen: bool = False


def plan_training(train: TrainOptions, records: int, image: ImageOptions) -> Plan:
    """The plan for a training split of so many records."""
    size = choose_batch_size(records, image) if train.batch_size == "auto" else train.batch_size
    steps = math.ceil(records / size)
    if train.steps is None:
        return Plan(size, steps, train.epochs)
    epochs = math.ceil(train.steps / steps)
    return Plan(size, math.ceil(train.steps / epochs), epochs)


def choose_batch_size(records: int, image: ImageOptions) -> int:
    """The batch size that ``auto`` stands for.

    It is the greatest power of two from 8 to 256 that leaves at least 32 batches in an epoch and no more than 2^24
    values of pixels in a batch: 256 images of 128 x 128, or 64 of 256 x 256.
    """
    values = image.height * image.width * 3
    most = min(records // _LEAST_STEPS, _PIXEL_VALUES // values, _GREATEST_BATCH)
    return max(_LEAST_BATCH, 1 << max(most, 1).bit_length() - 1)


def plan_phases(train: TrainOptions, network: NetworkOptions, plan: Plan) -> list[Phase]:
    """One phase, or, where the backbone is frozen at first, one with it frozen and one, slower, without."""
    frozen = min(network.image.frozen_epochs, plan.epochs) if network.image else 0
    phases = [Phase(0, frozen, train.learning_rate, frozen=True)] if frozen else []
    if frozen < plan.epochs:
        factor = network.image.fine_tuning_rate if network.image and frozen else 1.0
        phases.append(Phase(frozen, plan.epochs, train.learning_rate * factor))
    return phases
