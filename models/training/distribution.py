"""Training on several devices or machines, by ``tf.distribute``."""

from __future__ import annotations

import json
import os
from typing import Any, Literal

import keras
import tensorflow as tf

from diptych.models.errors import OptionsError

Distribution = Literal["none", "mirrored", "multi_worker"]


def build_strategy(distribute: Distribution) -> tf.distribute.Strategy:
    """The strategy that the options ask for; for one device, TensorFlow's own, which changes nothing.

    Call it before anything else uses TensorFlow where there are several workers: it connects them.

    Raises:
        ValueError: several workers are asked for, and ``TF_CONFIG`` does not name them.
    """
    if distribute == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if distribute == "multi_worker":
        _check_cluster()
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes what all have learned."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type == "chief" or (resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs)


def distributable(model: keras.Model) -> keras.Model:
    """The same network, sharing its weights, in a form that ``fit`` takes. Call it in the strategy's scope."""
    return _DistributedModel(model.input, model.output, name=model.name) if tf.distribute.has_strategy() else model


class _DistributedModel(keras.Model):
    """A model that several workers can fit.

    Keras 3 (3.12 to 3.15) averages a first batch over the replicas, to learn shapes, by an operation that several
    workers cannot run eagerly, and that fails where replicas hold different numbers of examples; and it averages
    figures over workers along an axis that a scalar lacks. Shapes are learned from one replica's batch instead, and
    figures are given an axis.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        if iterator is not None:
            for _, _, batches in iterator:
                data_batch = next(batches)
                break
        strategy = self.distribute_strategy
        local = keras.tree.map_structure(lambda value: strategy.experimental_local_results(value)[0], data_batch)
        super()._maybe_symbolic_build(data_batch=local)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        return _with_axis(super().train_step(data))

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        return _with_axis(super().test_step(data))


def _with_axis(figures: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    several = isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)
    return {name: tf.reshape(value, [1]) for name, value in figures.items()} if several else figures


def _check_cluster() -> None:
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    if not config.get("cluster") or "task" not in config:
        raise OptionsError(
            "train.distribute is 'multi_worker', and the variable TF_CONFIG names no cluster and task: "
            "set it on each worker, or train.distribute to 'none' or 'mirrored'"
        )
