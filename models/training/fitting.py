"""Fits a network, for both Trainer and Tuner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from diptych.models.labels import Task
from diptych.models.networks.build import build_network
from diptych.models.networks.image_tower import set_backbone_trainable
from diptych.models.networks.options import NetworkOptions
from diptych.models.training.backup import TrainingBackup, completed_epochs
from diptych.models.training.callbacks import build_monitoring_callbacks
from diptych.models.training.distribution import wrap_for_distribution
from diptych.models.training.losses import build_loss
from diptych.models.training.optimizers import build_optimizer, exclude_vectors_from_weight_decay
from diptych.models.training.options import TrainOptions
from diptych.models.training.schedule import Phase, Schedule, build_phases
from diptych.models.training.time_budget import TimeBudget

if TYPE_CHECKING:
    from diptych.models.decoders.transform_graph import TransformGraphDecoder

#: A function from the number of completed epochs to a dataset that goes on from there.
TrainDatasetFn = Callable[[int], tf.data.Dataset]


class Feed(NamedTuple):
    """What a phase of training is fed with.

    Attributes:
        model: the network, or its head, which shares the network's layers.
        train_dataset_fn: gives endless datasets of batches ``(inputs, label, sample_weight)``.
        val: batches of ``(inputs, label)``; None to monitor the metrics of train.
    """

    model: keras.Model
    train_dataset_fn: TrainDatasetFn
    val: tf.data.Dataset | None


@dataclass(frozen=True)
class TrainingSetup:
    """A network and how it is fitted.

    Attributes:
        train: the options of training.
        network: the options that the network was built with.
        schedule: how long training lasts.
        model: the network, built in the scope of ``strategy``; ``fit_model`` compiles it.
        strategy: the distribution strategy.
    """

    train: TrainOptions
    network: NetworkOptions
    schedule: Schedule
    model: keras.Model
    strategy: tf.distribute.Strategy


def build_model(train: TrainOptions, network: NetworkOptions, decoder: TransformGraphDecoder) -> keras.Model:
    """Builds the network for the records that ``decoder`` decodes, with initial weights by ``train.seed``.

    Call it in the scope of the distribution strategy and in ``mixed_precision_scope``.
    """
    keras.utils.set_random_seed(train.seed)
    return wrap_for_distribution(build_network(network, decoder.inputs, len(decoder.labels), train.task))


def fit_model(
    setup: TrainingSetup,
    feed_of: Callable[[Phase], Feed],
    callbacks: Sequence[keras.callbacks.Callback],
    backups: str | None,
) -> dict[str, list[float]]:
    """Fits a network in all phases of its training, within its budget of time, resuming from the latest backup.

    Args:
        callbacks: callbacks in addition to those that act on the monitored metric.
        backups: the folder of backups; None to write none.

    Returns:
        The values of each metric by epoch, without the epochs before a backup.
    """
    history: dict[str, list[float]] = {}
    phases = build_phases(setup.train, setup.network, setup.schedule)
    completed = completed_epochs(backups) if backups else 0
    budget = TimeBudget(setup.schedule.seconds, setup.schedule.epochs)
    for phase in phases:
        if phase.end < completed or phase.start >= budget.planned:
            continue
        with setup.strategy.scope():
            feed = feed_of(phase)
            compile_model(feed.model, setup, phase)
        monitoring = build_monitoring_callbacks(setup.train, feed.val is not None, phase is phases[-1])
        backup = TrainingBackup(backups, [*monitoring, budget]) if backups else None
        start, end = phase.start, phase.end
        if backup and phase.start < completed:
            stopped = backup.restore(feed.model)
            # Even when no epoch is left, fit restores the best weights.
            start, end = completed, completed if stopped else phase.end
        fitted = feed.model.fit(
            feed.train_dataset_fn(start),
            validation_data=feed.val,
            initial_epoch=start,
            epochs=end,
            steps_per_epoch=setup.schedule.steps_per_epoch,
            callbacks=[*monitoring, budget, *callbacks, *([backup] if backup else [])],
            verbose=0,
        )
        for name, values in fitted.history.items():
            history.setdefault(name, []).extend(map(float, values))
    return history


def compile_model(model: keras.Model, setup: TrainingSetup, phase: Phase) -> None:
    """Compiles a network, or its head, for a phase, without XLA, which halves the speed of a small CNN on a CPU."""
    train, steps_per_epoch = setup.train, setup.schedule.steps_per_epoch
    if setup.network.image and setup.network.image.is_pretrained:
        set_backbone_trainable(setup.model, not phase.frozen)
    steps = (phase.end - phase.start) * steps_per_epoch
    model.compile(
        optimizer=build_optimizer(train, phase.learning_rate, steps, round(train.warmup * steps_per_epoch)),
        loss=build_loss(train, train.task),
        metrics=[_build_accuracy(train.task)],
        jit_compile=False,
    )
    exclude_vectors_from_weight_decay(model.optimizer, model)
    # A training step that has to create variables is traced twice. So the optimizer creates them here, and accuracy is
    # a metric object instead of a name.
    model.optimizer.build(model.trainable_variables)


@contextmanager
def mixed_precision_scope(precision: str) -> Iterator[None]:
    """Layers that are built in this context compute in ``float16`` or ``bfloat16``, or for ``none`` in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "none" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _build_accuracy(task: Task) -> keras.metrics.Metric:
    """The share of correct predictions; for multilabel, over all labels of all examples."""
    if task == "multilabel":
        return keras.metrics.BinaryAccuracy(name="accuracy")
    return keras.metrics.MeanMetricWrapper(_is_correct, name="accuracy")


def _is_correct(y_true: Any, y_pred: Any) -> Any:
    """Whether the best-scored class is the true one, or for mixed labels the one with the greatest share."""
    truth = ops.argmax(y_true, axis=-1) if len(y_true.shape) == 2 else y_true
    return ops.equal(ops.cast(truth, "int64"), ops.cast(ops.argmax(y_pred, axis=-1), "int64"))
