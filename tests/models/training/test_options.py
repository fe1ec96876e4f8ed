"""Invalid options of training are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from diptych.models.training.options import TrainOptions
from diptych.models.training.tune_options import TuneOptions


@pytest.mark.parametrize(
    "bad",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"batch_size": "all"},
        {"learning_rate": 0},
        {"class_weights": "some"},
        {"patience": 0},
        {"minutes": 0},
        {"minutes": "all"},
        {"minutes": 1.0, "distribute": "multi_worker"},
        {"ema": 1.0},
        {"label_smoothing": 1.0},
        {"warmup": 1.0},
        {"task": "regression"},
    ],
)
def test_impossible_options_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainOptions(**bad)


def test_options_survive_json() -> None:
    train = TrainOptions(batch_size="auto", patience=None, schedule="cosine", warmup=0.5, ema=0.99)
    assert TrainOptions.model_validate_json(train.model_dump_json()) == train
    tune = TuneOptions(space={"train.learning_rate": {"min": 1e-4, "max": 0.1, "log": True}, "model.image": [None, {}]})
    assert TuneOptions.model_validate_json(tune.model_dump_json()) == tune


@pytest.mark.parametrize(
    "space",
    [
        {},
        {"train.epochs": []},
        {"train": [1]},
        {"text.min_df": [1, 2]},
        {"train.learning_rate": {"min": 2, "max": 1}},
        {"train.learning_rate": {"min": 0, "max": 1, "log": True}},
        {"train.learning_rate": {"min": 1}},
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TuneOptions(space=space)
