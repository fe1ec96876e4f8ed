"""How long training lasts, and the phases it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from diptych.models.images.options import ImageOptions
from diptych.models.networks.options import NetworkOptions
from diptych.models.training.options import TrainOptions

_MIN_BATCH_SIZE, _MAX_BATCH_SIZE = 8, 256
# With fewer steps an epoch, training learns little of what its examples could teach.
_MIN_STEPS_PER_EPOCH = 32
# As float32, so many pixel values take 64 MB; the activations that layers keep for backpropagation take about 10 times
# that.
_MAX_PIXEL_VALUES = 2**24


@dataclass(frozen=True)
class Schedule:
    """How long training lasts.

    Attributes:
        batch_size: number of records in a batch.
        steps_per_epoch: number of batches in an epoch.
        epochs: maximum number of epochs.
    """

    batch_size: int
    steps_per_epoch: int
    epochs: int


@dataclass(frozen=True)
class Phase:
    """Consecutive epochs that are trained with one optimizer.

    Attributes:
        start: number of epochs before this phase.
        end: number of epochs after this phase.
        learning_rate: the greatest learning rate in these epochs.
        frozen: whether the backbone's weights are frozen.
    """

    start: int
    end: int
    learning_rate: float
    frozen: bool = False


def build_schedule(train: TrainOptions, records: int, image: ImageOptions) -> Schedule:
    """The schedule for a training split of ``records`` records."""
    batch_size = choose_batch_size(records, image) if train.batch_size == "auto" else train.batch_size
    steps_per_epoch = math.ceil(records / batch_size)
    if train.steps is None:
        return Schedule(batch_size, steps_per_epoch, train.epochs)
    epochs = math.ceil(train.steps / steps_per_epoch)
    return Schedule(batch_size, math.ceil(train.steps / epochs), epochs)


def choose_batch_size(records: int, image: ImageOptions) -> int:
    """The batch size for ``auto``.

    It is the greatest power of two from 8 to 256 with at least 32 batches in an epoch and at most 2^24 pixel values in
    a batch, which are 256 images of 128 x 128, or 64 of 256 x 256.
    """
    pixel_values = image.height * image.width * 3
    most = min(records // _MIN_STEPS_PER_EPOCH, _MAX_PIXEL_VALUES // pixel_values, _MAX_BATCH_SIZE)
    return max(_MIN_BATCH_SIZE, 1 << max(most, 1).bit_length() - 1)


def build_phases(train: TrainOptions, network: NetworkOptions, schedule: Schedule) -> list[Phase]:
    """The phases of training: the epochs with a frozen backbone, if any, and then those that fine-tune it."""
    frozen_epochs = min(network.image.frozen_epochs, schedule.epochs) if network.image else 0
    phases = [Phase(0, frozen_epochs, train.learning_rate, frozen=True)] if frozen_epochs else []
    if frozen_epochs < schedule.epochs:
        factor = network.image.fine_tuning_rate if network.image and frozen_epochs else 1.0
        phases.append(Phase(frozen_epochs, schedule.epochs, train.learning_rate * factor))
    return phases
