"""How long training lasts, and the phases it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from diptych.models.cores import count_cores
from diptych.models.images.options import ImageOptions
from diptych.models.networks.options import NetworkOptions
from diptych.models.training.options import TrainOptions

_MIN_BATCH_SIZE, _MAX_BATCH_SIZE = 8, 256
# With fewer steps an epoch, training learns little of what its examples could teach.
_MIN_STEPS_PER_EPOCH = 32
# As float32, so many pixel values take 64 MB; the activations that layers keep for backpropagation take about 10 times
# that.
_MAX_PIXEL_VALUES = 2**24
# Minutes of the automatic budget: those of any training, for each thousand records, and at most.
_CPU_MINUTES, _GPU_MINUTES = (1.0, 1.0, 60.0), (10.0, 1.0, 240.0)


@dataclass(frozen=True)
class Schedule:
    """How long training lasts.

    Attributes:
        batch_size: number of records in a batch.
        steps_per_epoch: number of batches in an epoch.
        epochs: maximum number of epochs.
        seconds: how long ``fit`` may take; infinite without a budget.
    """

    batch_size: int
    steps_per_epoch: int
    epochs: int
    seconds: float = math.inf


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
    steps_per_epoch, seconds = math.ceil(records / batch_size), budget_seconds(train, records)
    if train.steps is None:
        return Schedule(batch_size, steps_per_epoch, train.epochs, seconds)
    epochs = math.ceil(train.steps / steps_per_epoch)
    return Schedule(batch_size, math.ceil(train.steps / epochs), epochs, seconds)


def budget_seconds(train: TrainOptions, records: int) -> float:
    """The budget for fitting ``records`` records, in seconds; infinite without a limit, or with several workers.

    Several workers have to train for the same number of steps, which their clocks would not tell them.
    """
    if train.minutes is None or train.distribute == "multi_worker":
        return math.inf
    if train.minutes != "auto":
        return train.minutes * 60
    import tensorflow as tf

    return auto_minutes(records, count_cores(), bool(tf.config.list_physical_devices("GPU"))) * 60


def auto_minutes(records: int, cores: int, has_gpu: bool) -> float:
    """The minutes that ``auto`` grants to training on so many records.

    On a CPU it is 1 minute, and for each 1,000 records 1 minute divided by the number of cores, at most 60 minutes: on
    two cores 1.4 minutes for 800 records and 3 for 4,000, which with all else that a run does keeps 1,000 rows below 3
    minutes and 5,000 below 6. A GPU trains larger networks: 10 minutes, and 1 for each 1,000 records, at most 240.
    """
    start, per_thousand, most = _GPU_MINUTES if has_gpu else _CPU_MINUTES
    return min(start + per_thousand * records / 1000 / (1 if has_gpu else cores), most)


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
    frozen_epochs = _frozen_epochs(network, schedule)
    phases = [Phase(0, frozen_epochs, train.learning_rate, frozen=True)] if frozen_epochs else []
    if frozen_epochs < schedule.epochs:
        factor = network.image.fine_tuning_rate if network.image and frozen_epochs else 1.0
        phases.append(Phase(frozen_epochs, schedule.epochs, train.learning_rate * factor))
    return phases


def _frozen_epochs(network: NetworkOptions, schedule: Schedule) -> int:
    if network.image is None or not network.image.has_frozen_features:
        return 0
    limit = network.image.frozen_epochs
    return schedule.epochs if limit is None else min(limit, schedule.epochs)
