"""The records that training reads, and how they reach the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tensorflow_transform as tft

from diptych.models.dataset import Position, Shuffle, input_fn_eval, input_fn_train, shard_for_worker
from diptych.models.decoders.transformed import Decoder, read_labels
from diptych.models.errors import OptionsError
from diptych.models.images.augmentation import Augmentation, AugmentOptions
from diptych.models.images.options import ImageOptions
from diptych.models.text.options import TextOptions
from diptych.models.tfrecords import read_records
from diptych.models.training.class_weights import build_weighting
from diptych.models.training.options import TrainOptions
from diptych.models.training.schedule import Plan, plan_training
from diptych.models.training.trainer import IMAGE_OPTIONS_KEY, TEXT_OPTIONS_KEY

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs


@dataclass(frozen=True)
class Records:
    """What training reads.

    Attributes:
        decoder: how records are read.
        train_files: TFRecord files to fit on.
        val_files: and to judge by.
        labels: of each record of train.
        val_records: how many there are in val.
    """

    decoder: Decoder
    train_files: Sequence[str]
    val_files: Sequence[str]
    labels: Sequence[Sequence[str]]
    val_records: int

    def plan(self, train: TrainOptions) -> Plan:
        """How long training is."""
        return plan_training(train, len(self.labels), self.decoder.image)

    def train_batches(self, train: TrainOptions, strategy: tf.distribute.Strategy) -> Callable[[int], tf.data.Dataset]:
        """From the number of epochs done to what ``fit`` takes next: batches ``(inputs, label, weight)``, without end.

        Of several workers each reads its own share of the records.
        """
        plan, classes = self.plan(train), self.decoder.labels
        batches_a_pass = math.ceil(len(self.labels) / plan.batch_size)
        weighting = build_weighting(self.labels, classes, train.class_weights, train.task)
        augment = Augmentation(train.augment, len(classes)) if train.augment != AugmentOptions() else None

        def read(files: Any, size: int, batches: int) -> tf.data.Dataset:
            dataset = input_fn_train(
                files,
                batch_size=size,
                decode=self.decoder,
                shuffle=Shuffle(train.shuffle_buffer, train.seed),
                augment=augment,
                start=Position(*divmod(batches, batches_a_pass)),
            )
            return dataset.map(lambda inputs, label: (inputs, label, weighting(label))).prefetch(1)

        def read_share(context: tf.distribute.InputContext) -> tf.data.Dataset:
            share = shard_for_worker(self.train_files, context.input_pipeline_id, context.num_input_pipelines)
            return read(share, context.get_per_replica_batch_size(plan.batch_size), 0)

        if train.distribute == "multi_worker":
            return lambda _: strategy.distribute_datasets_from_function(read_share)
        return lambda epochs: read(self.train_files, plan.batch_size, epochs * plan.steps)

    def val_batches(self, train: TrainOptions) -> tf.data.Dataset | None:
        """Batches ``(inputs, label)``; None if val is empty."""
        if not self.val_records:
            return None
        size = self.plan(train).batch_size
        batches = input_fn_eval(self.val_files, batch_size=size, decode=self.decoder)
        if self.val_records <= train.shuffle_buffer:
            # As much memory as shuffling takes; decoding anew costs seconds an epoch, mostly to set up the iterator.
            batches = batches.cache()
        options = tf.data.Options()
        # Several workers all read the whole of val, and so agree on it.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return batches.with_options(options)


def open_records(fn_args: FnArgs, train: TrainOptions) -> Records:
    """The records that TFX gives to Trainer or Tuner.

    Raises:
        ValueError: there is none to fit on, or none to judge by though training may stop early.
    """
    config = fn_args.custom_config
    decoder = Decoder(
        tft.TFTransformOutput(fn_args.transform_graph_path),
        ImageOptions.model_validate_json(config[IMAGE_OPTIONS_KEY]),
        TextOptions.model_validate_json(config[TEXT_OPTIONS_KEY]),
    )
    train_files, val_files = (_find(patterns) for patterns in (fn_args.train_files, fn_args.eval_files))
    val_records = int(read_records(val_files).reduce(0, lambda count, _: count + 1)) if val_files else 0
    if train.patience and not val_records:
        raise OptionsError(
            "val holds no record, and train.patience stops training by it: give val a share in data.splits, or set "
            "train.patience to null"
        )
    labels = read_labels(fn_args.train_files, train.task)
    return Records(decoder, train_files, val_files, labels, val_records)


def _find(patterns: Sequence[str]) -> list[str]:
    return [name for pattern in patterns for name in sorted(tf.io.gfile.glob(pattern))]
