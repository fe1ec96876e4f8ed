"""Optimizers and the schedules of their learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.models.training.options import TrainOptions


def fitted(train: TrainOptions, steps: int = 3) -> Any:
    """A small model that was fitted for some steps."""
    import keras

    from diptych.models.training.optimizers import build_optimizer, exclude_vectors_from_weight_decay

    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3, bias_initializer="ones")(inputs))
    model.compile(build_optimizer(train, train.learning_rate, steps, 0), "mse")
    exclude_vectors_from_weight_decay(model.optimizer, model)
    model.optimizer.build(model.trainable_variables)
    model.fit(np.ones((steps, 4)), np.zeros((steps, 3)), batch_size=1, verbose=0)
    return model


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "lion"])
def test_every_optimizer_takes_every_option(name: Any) -> None:
    train = TrainOptions(optimizer=name, weight_decay=0.1, clip_norm=0.5, ema=0.5, schedule="cosine")
    assert all(np.isfinite(weights).all() for weights in fitted(train).get_weights())


def test_weights_decay_and_biases_do_not() -> None:
    import keras

    from diptych.models.training.optimizers import build_optimizer, exclude_vectors_from_weight_decay

    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(2, kernel_initializer="ones", bias_initializer="ones")(inputs))
    optimizer = build_optimizer(TrainOptions(optimizer="sgd", weight_decay=0.5, schedule="constant"), 0.1, 1, 0)
    model.compile(optimizer, "mse")
    exclude_vectors_from_weight_decay(model.optimizer, model)
    optimizer.apply(
        [np.zeros(weight.shape, "float32") for weight in model.trainable_variables], model.trainable_variables
    )
    kernel, bias = model.get_weights()
    assert (kernel, bias) == (pytest.approx(np.full((2, 2), 1 - 0.5 * 0.1)), pytest.approx(np.ones(2)))


def test_gradients_are_clipped_to_one_length_of_all() -> None:
    import keras

    from diptych.models.training.optimizers import build_optimizer

    optimizer = build_optimizer(TrainOptions(optimizer="sgd", clip_norm=1.0, schedule="constant"), 1.0, 1, 0)
    weights = [keras.Variable([0.0, 0.0]), keras.Variable([0.0])]
    before = [weight.numpy() for weight in weights]
    optimizer.apply([np.array([3.0, 0.0], "float32"), np.array([4.0], "float32")], weights)
    moved = np.concatenate([b - weight.numpy() for b, weight in zip(before, weights, strict=True)])
    # Nesterov's momentum of 0.9 makes the first step 1.9 gradients long.
    assert moved == pytest.approx(1.9 * np.array([0.6, 0.0, 0.8]), abs=1e-5)


def test_the_average_is_what_is_left_after_training() -> None:
    last = fitted(TrainOptions(schedule="constant", optimizer="sgd", learning_rate=0.01), 1).get_weights()
    before = fitted(TrainOptions(schedule="constant", optimizer="sgd", learning_rate=1e-12), 1).get_weights()
    averaged = fitted(TrainOptions(schedule="constant", optimizer="sgd", learning_rate=0.01, ema=0.75), 2)
    plain = fitted(TrainOptions(schedule="constant", optimizer="sgd", learning_rate=0.01), 2)
    assert not np.allclose(last[0], before[0])
    expected = [0.75 * first + 0.25 * second for first, second in zip(last, plain.get_weights(), strict=True)]
    for found, wanted in zip(averaged.get_weights(), expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(["constant", "plateau", "cosine", "linear"]),
    steps=st.integers(1, 200),
    warmup=st.integers(0, 250),
)
def test_rates_rise_to_the_peak_and_never_rise_again(kind: str, steps: int, warmup: int) -> None:
    from diptych.models.training.optimizers import WarmupSchedule

    rate = WarmupSchedule(kind, 2.0, steps, warmup)
    rates = np.array([float(rate(step)) for step in range(max(steps, warmup + 1) + 1)])
    assert ((rates >= 0) & (rates <= 2.0 + 1e-6)).all()
    assert rates[warmup] == pytest.approx(2.0)
    assert (np.diff(rates[: warmup + 1]) > 0).all()
    assert (np.diff(rates[warmup:]) <= 1e-6).all()


def test_cosine_and_linear_end_at_zero_by_way_of_their_curves() -> None:
    from diptych.models.training.optimizers import WarmupSchedule

    cosine, linear = (WarmupSchedule(kind, 1.0, 110, 10) for kind in ("cosine", "linear"))
    assert [float(cosine(step)) for step in (35, 60, 110)] == pytest.approx([(1 + 0.5**0.5) / 2, 0.5, 0], abs=1e-6)
    assert [float(linear(step)) for step in (35, 60, 110)] == pytest.approx([0.75, 0.5, 0], abs=1e-6)


def test_the_rate_of_a_plateau_can_be_set() -> None:
    from diptych.models.training.optimizers import build_optimizer

    optimizer = build_optimizer(TrainOptions(), 0.5, 10, 0)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
