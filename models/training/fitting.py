"""Fits a network: the loop that Trainer and Tuner share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from keras import ops

from diptych.models.labels import Task
from diptych.models.networks.build import build_network
from diptych.models.networks.image_tower import set_backbone_trainable
from diptych.models.networks.options import NetworkOptions
from diptych.models.training.backup import Backup, done
from diptych.models.training.callbacks import judging_callbacks
from diptych.models.training.distribution import distributable
from diptych.models.training.losses import build_loss
from diptych.models.training.optimizers import build_optimizer, leave_undecayed
from diptych.models.training.options import TrainOptions
from diptych.models.training.schedule import Phase, Plan, plan_phases

if TYPE_CHECKING:
    from diptych.models.decoders.transformed import Decoder

#: Batches from an epoch on: 0 is the first.
TrainBatches = Callable[[int], tf.data.Dataset]


@dataclass(frozen=True)
class Fit:
    """A network and what it is fitted by.

    Attributes:
        train: how it is fitted.
        network: how it is built.
        plan: how long.
        model: the compiled or not yet compiled network, built in the strategy's scope.
        strategy: where it computes.
    """

    train: TrainOptions
    network: NetworkOptions
    plan: Plan
    model: keras.Model
    strategy: tf.distribute.Strategy


def build_model(train: TrainOptions, network: NetworkOptions, decoder: Decoder) -> keras.Model:
    """The network for the records that ``decoder`` reads, with weights of the seed.

    Call it in the scopes of the strategy and of the precision.
    """
    keras.utils.set_random_seed(train.seed)
    return distributable(build_network(network, decoder.inputs, len(decoder.labels), train.task))


def fit_model(
    fit: Fit,
    batches: TrainBatches,
    val: tf.data.Dataset | None,
    callbacks: Sequence[keras.callbacks.Callback],
    backups: str | None,
) -> dict[str, list[float]]:
    """Fits a network, in one phase or two, going on after the newest backup.

    Args:
        batches: of ``(inputs, label, weight)``, without end.
        val: batches of ``(inputs, label)``; None judges by train.
        callbacks: that do not act on the training, in addition to those that do.
        backups: the folder of backups; None keeps none.

    Returns:
        Each figure's values by epoch; those before a resumption are missing.
    """
    history: dict[str, list[float]] = {}
    phases = plan_phases(fit.train, fit.network, fit.plan)
    before = done(backups) if backups else 0
    for phase in phases:
        if phase.end < before:
            continue
        with fit.strategy.scope():
            compile_model(fit, phase)
        judges = judging_callbacks(fit.train, val is not None, phase is phases[-1])
        backup = Backup(backups, judges) if backups else None
        start, end = phase.start, phase.end
        if backup and phase.start < before:
            stopped = backup.restore(fit.model)
            # Without an epoch left, fit still gives the model its best weights.
            start, end = before, before if stopped else phase.end
        fitted = fit.model.fit(
            batches(start),
            validation_data=val,
            initial_epoch=start,
            epochs=end,
            steps_per_epoch=fit.plan.steps,
            callbacks=[*judges, *callbacks, *([backup] if backup else [])],
            verbose=0,
        )
        for name, values in fitted.history.items():
            history.setdefault(name, []).extend(map(float, values))
    return history


def compile_model(fit: Fit, phase: Phase) -> None:
    """Compiles for a phase. XLA stays off: on a CPU it halves the speed of a small CNN."""
    train, model, steps = fit.train, fit.model, fit.plan.steps
    if fit.network.image and fit.network.image.frozen_epochs:
        set_backbone_trainable(model, not phase.frozen)
    rest = (phase.end - phase.start) * steps
    model.compile(
        optimizer=build_optimizer(train, phase.learning_rate, rest, round(train.warmup * steps)),
        loss=build_loss(train, train.task),
        metrics=[_accuracy(train.task)],
        jit_compile=False,
    )
    leave_undecayed(model.optimizer, model)
    # A step that first has to make variables is traced twice: hence this, and a metric that is no mere name.
    model.optimizer.build(model.trainable_variables)


@contextmanager
def precision(kind: str) -> Iterator[None]:
    """Layers built in here compute in this precision: ``none`` (float32), ``float16`` or ``bfloat16``."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if kind == "none" else f"mixed_{kind}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _accuracy(task: Task) -> keras.metrics.Metric:
    """The share of right answers: of all labels of all examples where an example may have several."""
    if task == "multilabel":
        return keras.metrics.BinaryAccuracy(name="accuracy")
    return keras.metrics.MeanMetricWrapper(_is_right, name="accuracy")


def _is_right(y_true: Any, y_pred: Any) -> Any:
    """Whether the best-scored class is the true one, or, of images that were mixed, that of the greater part."""
    truth = ops.argmax(y_true, axis=-1) if len(y_true.shape) == 2 else y_true
    return ops.equal(ops.cast(truth, "int64"), ops.cast(ops.argmax(y_pred, axis=-1), "int64"))
