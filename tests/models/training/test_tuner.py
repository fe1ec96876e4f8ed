"""The search for hyperparameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.models.training.custom_config import TUNE_OPTIONS_KEY
from diptych.models.training.tune_options import TuneOptions
from diptych.models.training.tuner import tuner_fn
from tests.helpers import write_records
from tests.models.training.conftest import TRAIN, TrainerInputs

SPACE: dict[str, Any] = {"train.learning_rate": {"min": 1e-4, "max": 0.1, "log": True}, "model.text.units": [2, 3]}


def search(trainer_inputs: TrainerInputs, tune: TuneOptions, **changes: Any) -> Any:
    from tfx.components.trainer.fn_args_utils import FnArgs

    train = TRAIN.model_copy(update={"epochs": 1})
    config = trainer_inputs.config(train, **{TUNE_OPTIONS_KEY: tune.model_dump_json()})
    return tuner_fn(FnArgs(**trainer_inputs.arguments("tuned", custom_config=config, **changes)))


def test_each_trial_is_a_training_and_one_seed_gives_one_search(trainer_inputs: TrainerInputs) -> None:
    found = []
    for _ in range(2):
        result = search(trainer_inputs, TuneOptions(trials=2, space=SPACE))
        result.tuner.search(**result.fit_kwargs)
        trials = result.tuner.oracle.get_best_trials(2)
        assert trials[0].score <= trials[1].score
        found.append([(trial.hyperparameters.values, trial.score) for trial in trials])
    assert found[0] == found[1]
    assert set(found[0][0][0]) == set(SPACE)


def test_tfx_writes_down_what_trainer_reads(trainer_inputs: TrainerInputs, tmp_path: Path) -> None:
    from tfx.components.tuner.executor import write_best_hyperparameters
    from tfx.types import standard_artifacts, standard_component_specs

    from diptych.models.training.hyperparameters import hyperparameter_values

    result = search(trainer_inputs, TuneOptions(trials=1, objective="val_accuracy", space={"model.text": [None]}))
    result.tuner.search(**result.fit_kwargs)
    best, results = standard_artifacts.HyperParameters(), standard_artifacts.TunerResults()
    best.uri, results.uri = str(tmp_path / "best"), str(tmp_path / "results")
    keys = standard_component_specs
    write_best_hyperparameters(result.tuner, {keys.BEST_HYPERPARAMETERS_KEY: [best], keys.TUNER_RESULTS_KEY: [results]})
    (written,) = (tmp_path / "best").iterdir()
    assert hyperparameter_values(json.loads(written.read_text())) == {"model.text": None}


@pytest.mark.parametrize("strategy", ["random", "bayesian", "hyperband", "grid"])
def test_every_strategy_finds_the_least(strategy: Any, tmp_path: Path) -> None:
    from keras_tuner.engine.base_tuner import BaseTuner

    from diptych.models.training.tuner import build_oracle

    class Known(BaseTuner):  # type: ignore[misc]
        def run_trial(self, trial: Any, **_: Any) -> dict[str, float]:
            values = trial.hyperparameters.values
            return {"val_loss": abs(values["train.epochs"] - 3) + json.loads(values["train.resume"])}

    space = {"train.epochs": {"min": 1, "max": 4}, "train.resume": [True, False]}
    tune = TuneOptions(trials=40, strategy=strategy, space=space)
    tuner = Known(oracle=build_oracle(tune, 0, 9), directory=str(tmp_path))
    tuner.search(verbose=0)
    best = tuner.get_best_hyperparameters()[0].values
    assert (best["train.epochs"], json.loads(best["train.resume"])) == (3, False)


def test_a_search_needs_a_val_and_a_space_that_suits(trainer_inputs: TrainerInputs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.image\.unit"):
        search(trainer_inputs, TuneOptions(space={"model.image.unit": [1]}))
    with pytest.raises(ValueError, match="val holds no record"):
        search(trainer_inputs, TuneOptions(space=SPACE), eval_files=[str(write_records(tmp_path / "val.tfrecord", []))])
