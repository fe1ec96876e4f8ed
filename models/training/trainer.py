"""Training: the ``run_fn`` that Trainer calls."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from diptych.models.networks.options import NetworkOptions
from diptych.models.progress import report
from diptych.models.training.hyperparameters import chosen_values, with_hyperparameters
from diptych.models.training.options import TrainOptions

if TYPE_CHECKING:
    import keras
    from tfx.components.trainer.fn_args_utils import FnArgs

    from diptych.models.training.data import Records

IMAGE_OPTIONS_KEY = "image_options"
TEXT_OPTIONS_KEY = "text_options"
NETWORK_OPTIONS_KEY = "network_options"
TRAIN_OPTIONS_KEY = "train_options"
PUSH_DIRECTORY_KEY = "push_directory"

HYPERPARAMETERS_FILE = "hyperparameters.json"


def run_fn(fn_args: FnArgs) -> None:
    """Trainer's entry point: fits on train, judges by val, keeps the best weights, exports the served model.

    It goes on after the last epoch of a training of the same settings and records that was killed, and starts from the
    last blessed model's weights where the settings ask for that. Of several workers the chief alone writes.

    Raises:
        ValueError: there is no record to fit on or to judge by, or ``TF_CONFIG`` names no
            workers where there should be some.
    """
    import keras

    from diptych.models.serving.export import export
    from diptych.models.training.backup import forget
    from diptych.models.training.data import open_records
    from diptych.models.training.distribution import build_strategy, is_chief
    from diptych.models.training.fitting import Fit, build_model, fit_model, precision
    from diptych.models.training.memory import settle_memory
    from diptych.models.training.warm_start import start_from_blessed

    settle_memory()
    train, network = read_options(fn_args)
    strategy = build_strategy(train.distribute)
    records = open_records(fn_args, train)
    backups = _backups(fn_args, train, records)
    with precision(train.mixed_precision):
        with strategy.scope():
            model = build_model(train, network, records.decoder)
            if train.warm_start:
                start_from_blessed(model, network, records.decoder, fn_args.custom_config[PUSH_DIRECTORY_KEY])
        fit = Fit(train, network, records.plan(train), model, strategy)
        callbacks = _callbacks(fn_args.model_run_dir) if is_chief(strategy) else []
        fit_model(fit, records.train_batches(train, strategy), records.val_batches(train), callbacks, backups)
    if not is_chief(strategy):
        return
    # Without the optimizer and what distribution adds.
    fitted = keras.Model(model.input, model.output, name=model.name)
    _write_run(fn_args, fitted, records, train)
    export(fitted, records.decoder, fn_args.serving_model_dir)
    if backups:
        forget(backups)


def read_options(fn_args: FnArgs) -> tuple[TrainOptions, NetworkOptions]:
    """The options in ``custom_config``, with what a search has found in place of their own.

    Raises:
        ValueError: what was found does not suit them.
    """
    train = TrainOptions.model_validate_json(fn_args.custom_config[TRAIN_OPTIONS_KEY])
    network = NetworkOptions.model_validate_json(fn_args.custom_config[NETWORK_OPTIONS_KEY])
    values = chosen_values(fn_args.hyperparameters)
    if values:
        chosen = ", ".join(f"{key} {value}" for key, value in values.items())
        report("note", text=f"training takes what the search has found: {chosen}")
    return with_hyperparameters(train, network, values)


def _backups(fn_args: FnArgs, train: TrainOptions, records: Records) -> str | None:
    """The folder of this training's backups, if it keeps any."""
    from diptych.models.training.backup import backup_folder, digest_inputs

    if not train.resume or train.distribute == "multi_worker":
        return None
    told = {"custom_config": fn_args.custom_config, "hyperparameters": fn_args.hyperparameters}
    return backup_folder(fn_args.model_run_dir, digest_inputs(told, [*records.train_files, *records.val_files]))


def _callbacks(log_dir: str) -> list[keras.callbacks.Callback]:
    from diptych.models.training.callbacks import EpochTensorBoard, ReportProgress

    # The graph it would write takes seconds and says nothing that the code does not.
    return [EpochTensorBoard(log_dir, write_graph=False), ReportProgress()]


def _write_run(fn_args: FnArgs, model: keras.Model, records: Records, train: TrainOptions) -> None:
    """What the folder of this training holds beside TensorBoard's figures."""
    import tensorflow as tf

    from diptych.models.tfrecords import read_records
    from diptych.models.training.tensorboard_samples import write_samples

    shown = read_records(records.val_files if records.val_records else records.train_files)
    write_samples(model, records.decoder, shown, fn_args.model_run_dir, train.tensorboard)
    if values := chosen_values(fn_args.hyperparameters):
        with tf.io.gfile.GFile(os.path.join(fn_args.model_run_dir, HYPERPARAMETERS_FILE), "w") as file:
            json.dump(values, file, indent=2)
