"""Training on several devices or machines with ``tf.distribute``."""

from __future__ import annotations

import json
import os
from typing import Any

import keras
import tensorflow as tf

from diptych.models.errors import OptionsError
from diptych.models.training.options import Distribution


def build_strategy(distribute: Distribution) -> tf.distribute.Strategy:
    """Builds the strategy for ``train.distribute``; for ``none`` it is TensorFlow's default strategy.

    Call it before anything else uses TensorFlow, because ``multi_worker`` connects the workers.

    Raises:
        OptionsError: it is ``multi_worker``, and the environment variable ``TF_CONFIG`` does not name the workers.
    """
    if distribute == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if distribute == "multi_worker":
        _check_tf_config()
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the chief, the worker that writes logs and model; true where there are no workers."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type == "chief" or (resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs)


def wrap_for_distribution(model: keras.Model) -> keras.Model:
    """The same network with the same weights, in a class that ``fit`` can distribute; call it in the strategy's scope.

    Without a strategy it returns the model itself.
    """
    return _DistributedModel(model.input, model.output, name=model.name) if tf.distribute.has_strategy() else model


class _DistributedModel(keras.Model):
    """A model that several workers can fit.

    It avoids two faults of Keras 3 (3.12 to 3.15). To learn shapes, Keras averages a first batch over the replicas, by
    an operation that several workers cannot run eagerly, and that fails where replicas hold different numbers of
    examples; here the shapes come from the batch of one replica. And Keras averages metrics over the workers along an
    axis, which scalars lack; here they get one.
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
        return _add_worker_axis(super().train_step(data))

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        return _add_worker_axis(super().test_step(data))


def _add_worker_axis(metrics: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    has_workers = isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy)
    return {name: tf.reshape(value, [1]) for name, value in metrics.items()} if has_workers else metrics


def _check_tf_config() -> None:
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    if not config.get("cluster") or "task" not in config:
        raise OptionsError(
            "train.distribute is 'multi_worker', and the variable TF_CONFIG names no cluster and task: "
            "set it on each worker, or train.distribute to 'none' or 'mirrored'"
        )
