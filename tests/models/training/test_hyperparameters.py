"""Hyperparameters replace settings."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.models.networks.options import NetworkOptions
from diptych.models.training.hyperparameters import (
    apply_hyperparameters,
    check_search_space,
    encode_choices,
    hyperparameter_values,
)
from diptych.models.training.options import TrainOptions
from diptych.models.training.tune_options import TuneOptions

TRAIN, NETWORK = TrainOptions(), NetworkOptions()


def test_values_take_the_place_of_settings_at_any_depth() -> None:
    values = {"train.learning_rate": 0.5, "train.tensorboard.text": True, "model.image.filters": [4, 8]}
    train, network = apply_hyperparameters(TRAIN, NETWORK, values)
    assert (train.learning_rate, train.tensorboard.text) == (0.5, True)
    assert network.image and network.image.filters == (4, 8)
    assert (train.epochs, network.text) == (TRAIN.epochs, NETWORK.text)
    assert apply_hyperparameters(TRAIN, NETWORK, {}) == (TRAIN, NETWORK)


@pytest.mark.parametrize("key", ["train.learning_rat", "train.seed.x", "model.picture.units", "model.image.filters.0"])
def test_a_key_that_is_no_setting_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=f"'{key}'"):
        apply_hyperparameters(TRAIN, NETWORK, {key: 1})


@pytest.mark.parametrize(
    ("space", "named"),
    [
        ({"train.learning_rate": {"min": -1.0, "max": 1.0}}, "train.learning_rate"),
        ({"model.text.units": [32, 0]}, "model.text.units"),
        ({"train.optimizer": ["adam", "adamm"]}, "train.optimizer"),
        ({"train.warmup": [0, 1]}, "warmup"),
    ],
)
def test_a_space_with_an_impossible_value_is_refused_by_its_key(space: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        check_search_space(TuneOptions(space=space), TRAIN, NETWORK)


@pytest.mark.parametrize("values", [[1, 2], [0.5, 1.5], ["a", "b"], [True, False], [None, 3], [[1], [2, 3]], [1, 0.5]])
def test_choices_come_back_as_they_were(values: list[Any]) -> None:
    import keras_tuner

    found = keras_tuner.HyperParameters()
    found.Choice("train.x", encode_choices(values))
    taken = []
    for value in encode_choices(values):
        found.values = {"train.x": value, "tuner/epochs": 3}
        taken.append(hyperparameter_values(found.get_config())["train.x"])
    assert taken == values
    assert hyperparameter_values(None) == {}
