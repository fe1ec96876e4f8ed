"""Training: the ``run_fn`` that TFX's Trainer calls."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from diptych.models.training.custom_config import MISSING_TEXTS_KEY, PUSH_DIRECTORY_KEY, read_options
from diptych.models.training.hyperparameters import hyperparameter_values

if TYPE_CHECKING:
    import keras
    from tfx.components.trainer.fn_args_utils import FnArgs

    from diptych.models.inputs import Modality
    from diptych.models.training.data import TrainingData
    from diptych.models.training.options import TrainOptions
    from diptych.models.training.schedule import Schedule

HYPERPARAMETERS_FILE = "hyperparameters.json"


def run_fn(fn_args: FnArgs) -> None:
    """The entry point of Trainer: fits the network on train, keeps the weights that are best on val, exports the model.

    It resumes a killed training of the same settings and records after its last completed epoch. With
    ``train.warm_start`` it starts from the weights of the last blessed model. Of several workers, only the chief writes
    logs and model.

    Raises:
        OptionsError: val is empty though training is to stop by it, or ``TF_CONFIG`` does not name the workers.
        DatasetError: train has no files, or one of them is damaged.
    """
    import keras

    from diptych.models.serving.card import describe_pretrained
    from diptych.models.serving.export import export_model
    from diptych.models.training.backup import delete_backups
    from diptych.models.training.data import open_training_data
    from diptych.models.training.distribution import build_strategy, is_chief
    from diptych.models.training.fitting import TrainingSetup, build_model, mixed_precision_scope
    from diptych.models.training.memory import tune_process_memory
    from diptych.models.training.warm_start import warm_start_from_blessed
    from diptych.models.training.wide_and_deep import fit_wide_and_deep

    tune_process_memory()
    train, network = read_options(fn_args)
    strategy = build_strategy(train.distribute)
    data = open_training_data(fn_args, train)
    network = data.resolve_backbone(network)
    backups = _prepare_backups(fn_args, train, data)
    with mixed_precision_scope(train.mixed_precision):
        with strategy.scope():
            model = build_model(train, network, data.decoder)
            if train.warm_start:
                warm_start_from_blessed(model, network, data.decoder, fn_args.custom_config[PUSH_DIRECTORY_KEY])
        setup = TrainingSetup(train, network, data.schedule(train), model, strategy)
        callbacks = _build_logging_callbacks(fn_args.model_run_dir, setup.schedule) if is_chief(strategy) else []
        fitted = fit_wide_and_deep(setup, data, callbacks, backups)
    if not is_chief(strategy):
        return
    # This model has the same layers, without the optimizer and the class for distribution.
    model = keras.Model(model.input, model.output, name=model.name)
    _write_logs(fn_args, model, data, train)
    # A model that has learned from rows without a text answers requests without one.
    optional: tuple[Modality, ...] = ("text",) if fn_args.custom_config.get(MISSING_TEXTS_KEY) == "keep" else ()
    export_model(
        model,
        data.decoder,
        fn_args.serving_model_dir,
        optional,
        fitted.thresholds,
        fitted.at_least_one,
        describe_pretrained(network),
    )
    if backups:
        delete_backups(backups)


def _prepare_backups(fn_args: FnArgs, train: TrainOptions, data: TrainingData) -> str | None:
    """The folder for the backups of this training; None if it writes none."""
    from diptych.models.training.backup import digest_inputs, prepare_backup_folder

    if not train.resume or train.distribute == "multi_worker":
        return None
    config = {"custom_config": fn_args.custom_config, "hyperparameters": fn_args.hyperparameters}
    return prepare_backup_folder(fn_args.model_run_dir, digest_inputs(config, [*data.train_files, *data.val_files]))


def _build_logging_callbacks(log_dir: str, schedule: Schedule) -> list[keras.callbacks.Callback]:
    from diptych.models.training.callbacks import EpochTensorBoard, ProgressReporter

    # Writing the graph would take seconds, and it shows nothing that the code does not.
    return [EpochTensorBoard(log_dir, write_graph=False), ProgressReporter(schedule)]


def _write_logs(fn_args: FnArgs, model: keras.Model, data: TrainingData, train: TrainOptions) -> None:
    """Writes TensorBoard's samples and the hyperparameters that Tuner found into the folder of this training's logs."""
    import tensorflow as tf

    from diptych.models.tfrecords import read_records
    from diptych.models.training.tensorboard_samples import write_samples

    records = read_records(data.val_files if data.val_records else data.train_files)
    write_samples(model, data.decoder, records, fn_args.model_run_dir, train.tensorboard)
    if values := hyperparameter_values(fn_args.hyperparameters):
        with tf.io.gfile.GFile(os.path.join(fn_args.model_run_dir, HYPERPARAMETERS_FILE), "w") as file:
            json.dump(values, file, indent=2)
