"""The search for the best settings: the ``tuner_fn`` that TFX's Tuner calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diptych.models.errors import OptionsError
from diptych.models.training.hyperparameters import check_space, chosen_values, encode_choices, with_hyperparameters
from diptych.models.training.trainer import read_options
from diptych.models.training.tune_options import Range, TuneOptions

if TYPE_CHECKING:
    import keras_tuner
    from tfx.components.trainer.fn_args_utils import FnArgs
    from tfx.components.tuner.component import TunerFnResult

    from diptych.models.networks.options import NetworkOptions
    from diptych.models.training.data import Records
    from diptych.models.training.options import TrainOptions

TUNE_OPTIONS_KEY = "tune_options"


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Tuner's entry point: a search whose every trial is a whole training, judged by val.

    The best settings go to Trainer. The seed of training is also that of the search, so one seed gives one search.

    Raises:
        ValueError: a value of the space does not go together with the settings; there is no record to fit on or to
            judge by.
    """
    from keras_tuner.engine.base_tuner import BaseTuner
    from tfx.components.tuner.component import TunerFnResult

    from diptych.models.training.data import open_records
    from diptych.models.training.memory import settle_memory

    settle_memory()
    tune = TuneOptions.model_validate_json(fn_args.custom_config[TUNE_OPTIONS_KEY])
    train, network = read_options(fn_args)
    check_space(tune, train, network)
    records = open_records(fn_args, train)
    if not records.val_records:
        raise OptionsError("val holds no record, by which tune would judge: give it a share in data.splits")

    class Search(BaseTuner):  # type: ignore[misc]
        def run_trial(self, trial: Any, **_: Any) -> dict[str, float]:
            values = chosen_values(trial.hyperparameters.get_config())
            # Hyperband's own: how far a trial goes.
            epochs = trial.hyperparameters.values.get("tuner/epochs")
            asked = train.model_copy(update={"epochs": epochs, "steps": None}) if epochs else train
            return {tune.objective: try_settings(*with_hyperparameters(asked, network, values), records, tune)}

    search = Search(
        oracle=build_oracle(tune, train.seed, records.plan(train).epochs),
        directory=fn_args.working_dir,
        project_name="tune",
        overwrite=True,
    )
    return TunerFnResult(tuner=search, fit_kwargs={"verbose": 0})


def try_settings(train: TrainOptions, network: NetworkOptions, records: Records, tune: TuneOptions) -> float:
    """Trains with some settings; the best value that the objective reached in any epoch."""
    import keras

    from diptych.models.training.distribution import build_strategy
    from diptych.models.training.fitting import Fit, build_model, fit_model, precision

    # Of the models of former trials.
    keras.utils.clear_session()
    strategy = build_strategy(train.distribute)
    with precision(train.mixed_precision):
        with strategy.scope():
            model = build_model(train, network, records.decoder)
        fit = Fit(train, network, records.plan(train), model, strategy)
        figures = fit_model(fit, records.train_batches(train, strategy), records.val_batches(train), [], None)
    return (min if tune.objective == "val_loss" else max)(figures[tune.objective])


def build_oracle(tune: TuneOptions, seed: int, epochs: int) -> keras_tuner.Oracle:
    """What chooses the settings of each trial.

    Args:
        epochs: most that hyperband trains for.
    """
    import keras_tuner

    direction = "min" if tune.objective == "val_loss" else "max"
    given: dict[str, Any] = {
        "objective": keras_tuner.Objective(tune.objective, direction),
        "hyperparameters": _space(tune),
        "tune_new_entries": False,
        # KerasTuner takes 0 for no seed.
        "seed": seed + 1,
    }
    if tune.strategy == "hyperband":
        return keras_tuner.oracles.HyperbandOracle(max_epochs=epochs, **given)
    kinds = {
        "random": keras_tuner.oracles.RandomSearchOracle,
        "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
        "grid": keras_tuner.oracles.GridSearchOracle,
    }
    return kinds[tune.strategy](max_trials=tune.trials, **given)


def _space(tune: TuneOptions) -> keras_tuner.HyperParameters:
    import keras_tuner

    found = keras_tuner.HyperParameters()
    for key, values in tune.space.items():
        if isinstance(values, Range):
            number = found.Int if values.whole else found.Float
            number(key, values.min, values.max, sampling="log" if values.log else "linear")
        else:
            found.Choice(key, encode_choices(values))
    return found
