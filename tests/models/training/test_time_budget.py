"""Training keeps its budget of time, by a clock that the tests set."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from diptych.models.training.optimizers import WarmupSchedule
from diptych.models.training.time_budget import PLANNED_EPOCHS, Pace, TimeBudget
from tests.models.training.clock import Clock

STEPS, BATCH = 10, 2


def build_model(rate: Any = 0.1) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse", jit_compile=False)
    return model


def fit(model: keras.Model, clock: Clock, callbacks: list[Any], epochs: int, start: int = 0) -> list[float]:
    """Fits a model; returns the loss of val by epoch."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(STEPS * BATCH, 2)), rng.normal(size=STEPS * BATCH)
    return model.fit(
        x, y, BATCH, epochs, callbacks=[clock, *callbacks], validation_data=(x, y), initial_epoch=start, verbose=0
    ).history["val_loss"]


class Rates(keras.callbacks.Callback):
    """Records the learning rate that follows each step."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rates.append(float(self.model.optimizer.learning_rate))


def constant(seconds: float) -> Callable[[int], float]:
    return lambda _: seconds


def test_an_epoch_is_timed_without_what_the_first_step_sets_up() -> None:
    clock = Clock(constant(1.0), first=30.0, evaluation=5.0)
    pace = Pace(clock)
    model = build_model()
    paces: list[float | None] = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: paces.append(pace.seconds_per_epoch),
        on_train_batch_end=lambda *_, **__: paces.append(pace.seconds_per_epoch),
    )
    fit(model, clock, [pace, watch], 2)
    assert paces[:3] == [None, None, STEPS]
    assert pace.seconds_per_epoch == STEPS + 5
    assert (pace.done, pace.spent) == (2, 2 * (STEPS + 5) + 30)


def test_training_that_fits_is_as_without_a_budget() -> None:
    weights, losses = [], []
    for seconds in (math.inf, 1000.0):
        clock = Clock(constant(1.0))
        model = build_model(WarmupSchedule("cosine", 0.1, 4 * STEPS, 3))
        budget = TimeBudget(seconds, 4, clock)
        losses.append(fit(model, clock, [budget], 4))
        weights.append(model.get_weights()[0])
        assert budget.planned == 4
    assert len(losses[0]) == 4
    assert losses[0] == losses[1]
    assert np.array_equal(*weights)


@pytest.mark.parametrize(
    ("seconds", "epochs"),
    # An epoch takes 15 s, and the first step 30 s more; 0.95 of the budget is planned.
    [(45.0, 1), (100.0, 4), (106.0, 4), (111.0, 5), (10_000.0, 30)],
)
def test_as_many_whole_epochs_are_trained_as_fit(seconds: float, epochs: int) -> None:
    clock = Clock(constant(1.0), first=30.0, evaluation=5.0)
    losses = fit(build_model(), clock, [TimeBudget(seconds, 30, clock)], 30)
    assert len(losses) == epochs
    assert clock.now - 100.0 <= seconds


@pytest.mark.parametrize("decay", ["cosine", "linear"])
@pytest.mark.parametrize("seconds", [5.5, 52.7])
def test_the_learning_rate_falls_to_0_within_the_budget(decay: str, seconds: float) -> None:
    """The first budget is less than an epoch, the second one is 5 epochs."""
    clock, rates = Clock(constant(1.0)), Rates()
    model = build_model(WarmupSchedule(decay, 0.1, 30 * STEPS, 0))
    fit(model, clock, [TimeBudget(seconds, 30, clock), rates], 30)
    assert len(rates.rates) == (5 if seconds < STEPS else 50)
    assert rates.rates[-1] == pytest.approx(0.0, abs=1e-6)
    assert rates.rates[0] > 0.07
    assert np.all(np.diff(rates.rates) <= 1e-9)


def test_a_training_that_becomes_slower_ends_within_the_budget() -> None:
    clock, rates = Clock(lambda epoch: 1.0 if epoch < 2 else 3.0), Rates()
    model = build_model(WarmupSchedule("linear", 0.1, 30 * STEPS, 0))
    losses = fit(model, clock, [TimeBudget(100.0, 30, clock), rates], 30)
    assert clock.now - 100.0 <= 100.0 + 3.0
    assert len(losses) < 9


def test_a_training_that_becomes_faster_uses_its_budget() -> None:
    clock = Clock(lambda epoch: 4.0 if not epoch else 1.0)
    losses = fit(build_model(), clock, [TimeBudget(200.0, 30, clock)], 30)
    assert len(losses) == 1 + math.floor((0.95 * 200 - 40) / 10)


def test_the_learning_rate_does_not_rise_again_for_time_that_is_left() -> None:
    clock, rates, planned = Clock(lambda epoch: 1.0 if epoch else 5.0), Rates(), []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: planned.append(watch.params[PLANNED_EPOCHS]))
    model = build_model(WarmupSchedule("linear", 0.1, 30 * STEPS, 0))
    losses = fit(model, clock, [TimeBudget(115.0, 30, clock), rates, watch], 30)
    assert len(losses) == 2
    assert planned == [2, 2]
    assert rates.rates[-1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("seconds", "epochs"), [(60.0, 30), (1000.0, 6)])
def test_the_best_weights_are_restored_by_whatever_training_ends(seconds: float, epochs: int) -> None:
    """It ends by its budget, then after all epochs; patience ends neither."""
    clock, kept = Clock(constant(1.0)), []
    # So great a rate makes val worse and worse.
    model = build_model(0.9)
    stopping = keras.callbacks.EarlyStopping(patience=30, restore_best_weights=True)
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: kept.append(model.get_weights()[0].copy()))
    losses = fit(model, clock, [stopping, TimeBudget(seconds, epochs, clock), watch], epochs)
    best = int(np.argmin(losses))
    assert 4 < len(losses) < 30
    assert best < len(losses) - 1
    assert np.array_equal(model.get_weights()[0], kept[best])


def test_the_plan_is_told_to_later_callbacks_and_spans_calls_of_fit() -> None:
    clock, planned = Clock(constant(1.0)), []
    model = build_model()
    budget = TimeBudget(100.0, 30, clock)
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: planned.append(watch.params[PLANNED_EPOCHS]))
    fit(model, clock, [budget, watch], 3)
    fit(model, clock, [budget, watch], 30, start=3)
    assert planned == [30, *[9] * 8]
    assert (budget.done, budget.spent) == (9, 90)


def test_without_a_known_number_of_steps_training_ends_in_time() -> None:
    clock = Clock(constant(1.0))
    budget = TimeBudget(55.0, 30, clock)
    rows = [(np.zeros((BATCH, 2)), np.zeros(BATCH))] * STEPS
    build_model().fit((row for row in rows * 30), epochs=30, callbacks=[clock, budget], verbose=0)
    assert clock.now - 100.0 <= 56.0
