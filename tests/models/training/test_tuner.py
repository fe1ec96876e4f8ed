"""The search for hyperparameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models import features
from diptych.models.serving.card import read_card
from diptych.models.training.custom_config import TUNE_OPTIONS_KEY
from diptych.models.training.tune_options import TuneOptions
from diptych.models.training.tuner import tuner_fn
from tests.helpers import record_values, write_records
from tests.models.training.conftest import (
    COUNT,
    TINY,
    TRAIN,
    ProgressRecorder,
    TrainerInputs,
    fn_args,
    record_progress,
)

SPACE: dict[str, Any] = {"train.learning_rate": {"min": 1e-4, "max": 0.1, "log": True}, "model.text.units": [2, 3]}


def search(trainer_inputs: TrainerInputs, tune: TuneOptions, **changes: Any) -> Any:
    train = TRAIN.model_copy(update={"epochs": 1})
    config = trainer_inputs.config(train, **{TUNE_OPTIONS_KEY: tune.model_dump_json()})
    return tuner_fn(fn_args(trainer_inputs.arguments("tuned", custom_config=config, **changes)))


def test_each_trial_is_a_training_and_one_seed_gives_one_search(trainer_inputs: TrainerInputs) -> None:
    found = []
    for _ in range(2):
        result = search(trainer_inputs, TuneOptions(trials=1, space=SPACE))
        with record_progress() as recorder:
            result.tuner.search(**result.fit_kwargs)
        told = [note.partition(":")[0] for note in recorder.notes if note.startswith("trial")]
        assert told == ["trial 0 of 1", "trial 1 of 1"]
        trials = result.tuner.oracle.trials.values()
        found.append([(trial.hyperparameters.values, trial.score) for trial in trials])
    assert found[0] == found[1]
    assert set(found[0][0][0]) == {*SPACE, "tuner/round"}


def test_a_trial_is_judged_by_what_trainer_would_serve(
    trainer_inputs: TrainerInputs, trained: tuple[Path, ProgressRecorder]
) -> None:
    import tensorflow as tf

    from diptych.models.training.data import open_training_data
    from diptych.models.training.tuner import train_trial

    path = str(trained[0] / "model")
    rows = [record_values(number) for number in range(COUNT)]
    records = tf.constant([features.encode_record(row) for row in rows])
    scores = tf.saved_model.load(path).signatures["serving_default"](examples=records)["scores"].numpy()
    truth = [read_card(path).labels.index(row[features.LABEL]) for row in rows]
    served = -np.log(scores[np.arange(COUNT), truth]).mean()
    data = open_training_data(fn_args(trainer_inputs.arguments("tuned")), TRAIN)
    network = data.resolve_backbone(TINY)
    training = train_trial(TRAIN, network, data, "val_loss", None)
    assert training.score == pytest.approx(served, rel=1e-4)
    assert training.epochs == 3
    assert 0 < training.seconds_per_epoch < training.seconds
    assert train_trial(TRAIN, network, data, "val_accuracy", 2).epochs == 2


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
    chosen = hyperparameter_values(json.loads(written.read_text()))
    assert chosen["model.text"] in (None, TINY.text.model_dump(mode="json") if TINY.text else None)
    (results_file,) = (tmp_path / "results").iterdir()
    assert [row["model.text"] for row in json.loads(results_file.read_text())] == ["null"]


def test_a_search_needs_a_val_and_a_space_that_suits(trainer_inputs: TrainerInputs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.image\.unit"):
        search(trainer_inputs, TuneOptions(space={"model.image.unit": [1]}))
    with pytest.raises(ValueError, match="val holds no record"):
        search(trainer_inputs, TuneOptions(space=SPACE), eval_files=[str(write_records(tmp_path / "val.tfrecord", []))])
