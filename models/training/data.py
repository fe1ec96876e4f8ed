"""The records that training reads, as datasets for ``fit``."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from diptych.models.counts import pluralize
from diptych.models.dataset import (
    DecodeFn,
    RowReader,
    ShuffleOptions,
    StreamPosition,
    input_fn_eval,
    input_fn_train,
    shard_for_worker,
)
from diptych.models.decoders.labels import read_labels
from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.errors import DatasetError, OptionsError
from diptych.models.images.augmentation import Augmentation
from diptych.models.images.options import AugmentOptions, ImageOptions
from diptych.models.mapped_rows import RowMaps
from diptych.models.networks.choice import resolve_backbone
from diptych.models.networks.options import NetworkOptions
from diptych.models.progress import FeatureProgress, report_progress
from diptych.models.serving.export import weights_digest
from diptych.models.text.options import parse_text_options
from diptych.models.tfrecords import list_folder_files, read_records
from diptych.models.tracing import without_autograph
from diptych.models.training.class_weights import build_sample_weight_fn
from diptych.models.training.custom_config import CODE_KEY, FEATURE_FOLDER_KEY, IMAGE_OPTIONS_KEY, TEXT_OPTIONS_KEY
from diptych.models.training.feature_cache import FeatureCache, cache_folder
from diptych.models.training.frozen_rows import FrozenRows, Records, feature_extractor, read_frozen_rows
from diptych.models.training.options import TrainOptions
from diptych.models.training.schedule import Schedule, build_schedule

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs


#: Of more records, so many are held in memory with the features of their images.
MAX_FROZEN_ROWS = 100_000


@dataclass(frozen=True)
class TrainingData:
    """The splits train and val.

    Attributes:
        decoder: decodes the records.
        train_files: TFRecord files of train.
        val_files: TFRecord files of val.
        train_labels: the labels of each record of train.
        val_records: number of records in val.
        code: a fingerprint of the code, on which kept features depend.
        feature_folder: where features of images are kept between trainings; None to keep none.
        row_maps: where decoded rows are kept from epoch to epoch.
    """

    decoder: TransformGraphDecoder
    train_files: Sequence[str]
    val_files: Sequence[str]
    train_labels: Sequence[Sequence[str]]
    val_records: int
    code: str = ""
    feature_folder: str | None = None
    row_maps: RowMaps = field(default_factory=lambda: RowMaps(0.0))

    def schedule(self, train: TrainOptions) -> Schedule:
        """How long training on these records lasts."""
        return build_schedule(train, len(self.train_labels), self.decoder.image)

    def train_dataset_fn(
        self, train: TrainOptions, strategy: tf.distribute.Strategy
    ) -> Callable[[int], tf.data.Dataset]:
        """Returns a function from the number of completed epochs to an endless dataset from there on.

        The dataset has batches ``(inputs, label, sample_weight)``. Each of several workers reads its own share of the
        records, always from the start.
        """
        schedule, classes = self.schedule(train), self.decoder.labels
        batches_per_pass = math.ceil(len(self.train_labels) / schedule.batch_size)
        sample_weight = build_sample_weight_fn(self.train_labels, classes, train.class_weights, train.task)
        augment = Augmentation(train.augment, len(classes)) if train.augment != AugmentOptions() else None

        def read(files: Any, decode: DecodeFn | RowReader, batch_size: int, batches_before: int) -> tf.data.Dataset:
            dataset = input_fn_train(
                files,
                batch_size=batch_size,
                decode=decode,
                shuffle=ShuffleOptions(train.shuffle_buffer, train.seed),
                augment=augment,
                start=StreamPosition(*divmod(batches_before, batches_per_pass)),
            )
            weighted = without_autograph(lambda inputs, label: (inputs, label, sample_weight(label)))
            return dataset.map(weighted).prefetch(1)

        def read_shard(context: tf.distribute.InputContext) -> tf.data.Dataset:
            shard = shard_for_worker(self.train_files, context.input_pipeline_id, context.num_input_pipelines)
            return read(shard, self.decoder, context.get_per_replica_batch_size(schedule.batch_size), 0)

        if train.distribute == "multi_worker":
            return lambda _: strategy.distribute_datasets_from_function(read_shard)
        decode = self._keep_decoded(train, self.train_files, len(self.train_labels))
        return lambda epochs: read(self.train_files, decode, schedule.batch_size, epochs * schedule.steps_per_epoch)

    def val_dataset(self, train: TrainOptions) -> tf.data.Dataset | None:
        """A dataset of batches ``(inputs, label)``; None if val is empty."""
        if not self.val_records:
            return None
        batch_size, is_small = self.schedule(train).batch_size, self.val_records <= train.shuffle_buffer
        decode = self.decoder if is_small else self._keep_decoded(train, self.val_files, self.val_records)
        dataset = input_fn_eval(self.val_files, batch_size=batch_size, decode=decode)
        if is_small:
            # Decoding again takes seconds an epoch, mostly to set up the iterator.
            dataset = dataset.cache()
        options = tf.data.Options()
        # Each of several workers reads all of val, so that they agree on its metrics.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return dataset.with_options(options)

    def _keep_decoded(self, train: TrainOptions, files: Sequence[str], rows: int) -> DecodeFn | RowReader:
        """What reads rows of some files in each epoch."""
        if train.distribute != "none" or self.schedule(train).epochs == 1:
            return self.decoder
        return self.row_maps.open(files, self.decoder, rows)

    def resolve_backbone(self, network: NetworkOptions) -> NetworkOptions:
        """The options with the backbone that suits the records in the place of ``auto``; and reports why."""
        image = self.decoder.image
        resolved, reason = resolve_backbone(network, len(self.train_labels), (image.height, image.width))
        if reason:
            report_progress("note", text=reason)
        return resolved

    def stride(self, rows: FrozenRows) -> int:
        """Every which record of train the rows are, as ``frozen_rows`` gives them."""
        return math.ceil(len(self.train_labels) / len(rows.groups))

    def frozen_rows(self, model: keras.Model) -> tuple[FrozenRows, FrozenRows | None]:
        """The rows of train and val with the frozen features of a network, in memory; None for an empty val.

        Of more than ``MAX_FROZEN_ROWS`` records, every second is read, or every third and so on.
        """
        extractor, folder = feature_extractor(model), None
        if extractor is not None and self.feature_folder:
            policy = keras.config.dtype_policy().name
            identities = (self.code, weights_digest(extractor), policy, self.decoder.image.model_dump_json())
            folder = cache_folder(self.feature_folder, *identities)
        cache = FeatureCache(folder)
        every = math.ceil(len(self.train_labels) / MAX_FROZEN_ROWS)
        train = Records(self.train_files, len(self.train_labels), every)
        val = Records(self.val_files, self.val_records)
        progress = FeatureProgress(train.rows + val.rows)
        if extractor is not None:
            count = pluralize(train.rows + val.rows, "image")
            known = f"; those of {pluralize(cache.found, 'image')} are kept from earlier" if cache.found else ""
            report_progress("note", text=f"computing the features of {count}{known}")

        def read(records: Records) -> FrozenRows:
            return read_frozen_rows(records, self.decoder, extractor, cache, progress.add)

        return read(train), read(val) if val.rows else None


def open_training_data(fn_args: FnArgs, train: TrainOptions) -> TrainingData:
    """Opens the records that TFX passes to Trainer or Tuner.

    Raises:
        DatasetError: train has no files, or one of them is damaged.
        OptionsError: val is empty, and training is to stop early by its metrics.
    """
    config = fn_args.custom_config
    decoder = TransformGraphDecoder(
        tft.TFTransformOutput(fn_args.transform_graph_path),
        ImageOptions.model_validate_json(config[IMAGE_OPTIONS_KEY]),
        parse_text_options(config[TEXT_OPTIONS_KEY]),
    )
    train_files, val_files = (_list_files(patterns) for patterns in (fn_args.train_files, fn_args.eval_files))
    val_records = int(read_records(val_files).reduce(0, lambda count, _: count + 1)) if val_files else 0
    if train.patience and not val_records:
        raise OptionsError(
            "val holds no record, and train.patience stops training by it: give val a share in data.splits, or set "
            "train.patience to null"
        )
    if not train_files:
        raise DatasetError(f"train has no file: there is none in {', '.join(fn_args.train_files)}")
    labels = read_labels(train_files, train.task)
    code, feature_folder = config.get(CODE_KEY, ""), config.get(FEATURE_FOLDER_KEY)
    row_maps = RowMaps(train.memory_map_gb * 1e9)
    return TrainingData(decoder, train_files, val_files, labels, val_records, code, feature_folder, row_maps)


def _list_files(patterns: Sequence[str]) -> list[str]:
    """The files of the folders that TFX names, each with ``/*`` after it; a file that is named stands for itself."""
    split = map(os.path.split, patterns)
    listed = (list_folder_files(folder) if name == "*" else [os.path.join(folder, name)] for folder, name in split)
    return [file for files in listed for file in files]
