"""The search for hyperparameters: the ``tuner_fn`` that TFX's Tuner calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diptych.models.errors import OptionsError
from diptych.models.training.custom_config import TUNE_OPTIONS_KEY, read_options
from diptych.models.training.hyperparameters import (
    apply_hyperparameters,
    check_search_space,
    encode_choices,
    hyperparameter_values,
)
from diptych.models.training.tune_options import Range, TuneOptions

if TYPE_CHECKING:
    import keras_tuner
    from tfx.components.trainer.fn_args_utils import FnArgs
    from tfx.components.tuner.component import TunerFnResult

    from diptych.models.networks.options import NetworkOptions
    from diptych.models.training.data import TrainingData
    from diptych.models.training.options import TrainOptions


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """The entry point of Tuner: a search in which each trial is a whole training, judged by its metrics of val.

    TFX passes the best hyperparameters to Trainer. ``train.seed`` is also the seed of the search.

    Raises:
        OptionsError: a value of the search space is not valid together with the settings, or val is empty.
        DatasetError: train has no files, or one of them is damaged.
    """
    from keras_tuner.engine.base_tuner import BaseTuner
    from tfx.components.tuner.component import TunerFnResult

    from diptych.models.training.data import open_training_data
    from diptych.models.training.memory import tune_process_memory

    tune_process_memory()
    tune = TuneOptions.model_validate_json(fn_args.custom_config[TUNE_OPTIONS_KEY])
    train, network = read_options(fn_args)
    check_search_space(tune, train, network)
    data = open_training_data(fn_args, train)
    if not data.val_records:
        raise OptionsError("val holds no record, by which tune would judge: give it a share in data.splits")

    class Search(BaseTuner):  # type: ignore[misc]
        def run_trial(self, trial: Any, **_: Any) -> dict[str, float]:
            values = hyperparameter_values(trial.hyperparameters.get_config())
            # Hyperband limits the epochs of each trial.
            epochs = trial.hyperparameters.values.get("tuner/epochs")
            limited = train.model_copy(update={"epochs": epochs, "steps": None}) if epochs else train
            return {tune.objective: train_trial(*apply_hyperparameters(limited, network, values), data, tune)}

    search = Search(
        oracle=build_oracle(tune, train.seed, data.schedule(train).epochs),
        directory=fn_args.working_dir,
        project_name="tune",
        overwrite=True,
    )
    return TunerFnResult(tuner=search, fit_kwargs={"verbose": 0})


def train_trial(train: TrainOptions, network: NetworkOptions, data: TrainingData, tune: TuneOptions) -> float:
    """Trains a network for a trial; returns the best value of the objective in any epoch."""
    import keras

    from diptych.models.training.distribution import build_strategy
    from diptych.models.training.fitting import TrainingSetup, build_model, fit_model, mixed_precision_scope

    # This frees the models of former trials.
    keras.utils.clear_session()
    strategy = build_strategy(train.distribute)
    with mixed_precision_scope(train.mixed_precision):
        with strategy.scope():
            model = build_model(train, network, data.decoder)
        setup = TrainingSetup(train, network, data.schedule(train), model, strategy)
        history = fit_model(setup, data.train_dataset_fn(train, strategy), data.val_dataset(train), [], None)
    return (min if tune.objective == "val_loss" else max)(history[tune.objective])


def build_oracle(tune: TuneOptions, seed: int, max_epochs: int) -> keras_tuner.Oracle:
    """Builds the KerasTuner oracle, which chooses the hyperparameters of each trial.

    Args:
        max_epochs: maximum number of epochs of a trial, which hyperband starts from.
    """
    import keras_tuner

    direction = "min" if tune.objective == "val_loss" else "max"
    arguments: dict[str, Any] = {
        "objective": keras_tuner.Objective(tune.objective, direction),
        "hyperparameters": _build_hyperparameters(tune),
        "tune_new_entries": False,
        # KerasTuner takes a seed of 0 for no seed.
        "seed": seed + 1,
    }
    if tune.strategy == "hyperband":
        return keras_tuner.oracles.HyperbandOracle(max_epochs=max_epochs, **arguments)
    oracles = {
        "random": keras_tuner.oracles.RandomSearchOracle,
        "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
        "grid": keras_tuner.oracles.GridSearchOracle,
    }
    return oracles[tune.strategy](max_trials=tune.trials, **arguments)


def _build_hyperparameters(tune: TuneOptions) -> keras_tuner.HyperParameters:
    import keras_tuner

    hyperparameters = keras_tuner.HyperParameters()
    for key, values in tune.space.items():
        if isinstance(values, Range):
            number = hyperparameters.Int if values.is_integer else hyperparameters.Float
            number(key, values.min, values.max, sampling="log" if values.log else "linear")
        else:
            hyperparameters.Choice(key, encode_choices(values))
    return hyperparameters
