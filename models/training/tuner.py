"""The search for hyperparameters: the ``tuner_fn`` that TFX's Tuner calls."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diptych.models.errors import OptionsError
from diptych.models.training.custom_config import TUNE_OPTIONS_KEY, read_options
from diptych.models.training.hyperparameters import apply_hyperparameters, check_search_space, read_settings
from diptych.models.training.tune_options import TuneOptions

if TYPE_CHECKING:
    from tfx.components.trainer.fn_args_utils import FnArgs
    from tfx.components.tuner.component import TunerFnResult

    from diptych.models.networks.options import NetworkOptions
    from diptych.models.training.data import TrainingData
    from diptych.models.training.options import TrainOptions
    from diptych.models.training.search import Training


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """The entry point of Tuner: a search in which each trial is a training, judged by its metrics of val.

    TFX passes the best hyperparameters to Trainer. ``train.seed`` is also the seed of the search.

    Raises:
        OptionsError: a value of the search space is not valid together with the settings, or val is empty.
        DatasetError: train has no files, or one of them is damaged.
    """
    from tfx.components.tuner.component import TunerFnResult

    from diptych.models.training.data import open_training_data
    from diptych.models.training.memory import tune_process_memory
    from diptych.models.training.search import Search, build_oracle

    started = time.monotonic()
    tune_process_memory()
    tune = TuneOptions.model_validate_json(fn_args.custom_config[TUNE_OPTIONS_KEY])
    train, network = read_options(fn_args)
    check_search_space(tune, train, network)
    data = open_training_data(fn_args, train)
    if data.feature_folder is None:
        # At least the trials shall share the features.
        data = replace(data, feature_folder=os.path.join(fn_args.working_dir, "features"))
    network = data.resolve_backbone(network)
    if not data.val_records:
        raise OptionsError("val holds no record, by which tune would judge: give it a share in data.splits")

    def train_with(values: Mapping[str, Any], epochs: int | None) -> Training:
        return train_trial(*apply_hyperparameters(train, network, values), data, tune.objective, epochs)

    _compute_features(train, network, data)
    settings = read_settings(tune.space, train, network)
    search = Search(
        build_oracle(tune, train.seed, settings),
        train_with,
        settings,
        tune.minutes * 60 - (time.monotonic() - started) if tune.minutes else math.inf,
        directory=fn_args.working_dir,
        project_name="tune",
        overwrite=True,
    )
    return TunerFnResult(tuner=search, fit_kwargs={"verbose": 0})


def _compute_features(train: TrainOptions, network: NetworkOptions, data: TrainingData) -> None:
    """Computes and keeps the frozen features of images, so that no trial is charged with what all of them share."""
    from diptych.models.networks.image_tower import IMAGE_FEATURES
    from diptych.models.training.fitting import build_model

    model = build_model(train, network, data.decoder)
    if IMAGE_FEATURES in {layer.name for layer in model.layers}:
        data.frozen_rows(model)


def train_trial(
    train: TrainOptions, network: NetworkOptions, data: TrainingData, objective: str, epochs: int | None
) -> Training:
    """Trains a network for a trial, which is judged by what Trainer would export.

    Args:
        objective: the metric of val that is the score.
        epochs: maximum number of epochs; None to train as long as Trainer does.
    """
    import keras

    from diptych.models.training.callbacks import ProgressReporter
    from diptych.models.training.distribution import build_strategy
    from diptych.models.training.fitting import TrainingSetup, build_model, mixed_precision_scope
    from diptych.models.training.search import Training
    from diptych.models.training.wide_and_deep import fit_wide_and_deep

    started = time.monotonic()
    # This frees the models of former trials.
    keras.utils.clear_session()
    strategy = build_strategy(train.distribute)
    schedule = data.schedule(train)
    if epochs:
        schedule = replace(schedule, epochs=min(epochs, schedule.epochs))
    with mixed_precision_scope(train.mixed_precision):
        with strategy.scope():
            model = build_model(train, network, data.decoder)
        setup, pace = TrainingSetup(train, network, schedule, model, strategy), ProgressReporter(schedule)
        fitted = fit_wide_and_deep(setup, data, [pace], None)
    return Training(
        score=fitted.val[objective],
        epochs=len(fitted.history["loss"]),
        seconds=time.monotonic() - started,
        seconds_per_epoch=pace.seconds_per_epoch or 0.0,
    )
