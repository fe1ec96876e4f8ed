"""How long training lasts."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.models.images.options import ImageOptions
from diptych.models.networks.options import ImageNetworkOptions, NetworkOptions
from diptych.models.training import schedule as module
from diptych.models.training.options import TrainOptions
from diptych.models.training.schedule import (
    Phase,
    Schedule,
    auto_minutes,
    build_phases,
    build_schedule,
    choose_batch_size,
)

IMAGE = ImageOptions()


def test_an_epoch_reads_every_record() -> None:
    assert build_schedule(TrainOptions(epochs=3, batch_size=10), 101, IMAGE) == Schedule(10, 11, 3)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_steps_become_epochs_of_equal_length_no_longer_than_the_split(steps: int, records: int) -> None:
    schedule = build_schedule(TrainOptions(steps=steps, batch_size=8), records, IMAGE)
    assert schedule.steps_per_epoch <= -(-records // 8)
    assert steps <= schedule.steps_per_epoch * schedule.epochs < steps + schedule.epochs


@pytest.mark.parametrize(
    ("records", "side", "size"),
    [(10, 64, 8), (2754, 64, 64), (100_000, 64, 256), (100_000, 128, 256), (100_000, 256, 64), (100_000, 2048, 8)],
)
def test_auto_goes_by_records_and_size_of_images(records: int, side: int, size: int) -> None:
    image = ImageOptions(height=side, width=side)
    assert choose_batch_size(records, image) == size
    assert build_schedule(TrainOptions(batch_size="auto"), records, image).batch_size == size


def network(frozen: int | None) -> NetworkOptions:
    image = ImageNetworkOptions(backbone="MobileNetV2", weights="imagenet", frozen_epochs=frozen, fine_tuning_rate=0.1)
    return NetworkOptions(image=image)


def test_a_frozen_backbone_makes_two_phases() -> None:
    train, schedule = TrainOptions(learning_rate=1.0), Schedule(8, 2, 5)
    assert build_phases(train, network(0), schedule) == [Phase(0, 5, 1.0)]
    assert build_phases(train, network(2), schedule) == [Phase(0, 2, 1.0, frozen=True), Phase(2, 5, 0.1)]
    for frozen in (9, None):
        assert build_phases(train, network(frozen), schedule) == [Phase(0, 5, 1.0, frozen=True)]
    for image in (None, ImageNetworkOptions(backbone="cnn")):
        assert build_phases(train, NetworkOptions(image=image), schedule) == [Phase(0, 5, 1.0)]


def test_the_automatic_budget_goes_by_rows_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "count_cores", lambda: 2)
    assert build_schedule(TrainOptions(), 800, IMAGE).seconds == pytest.approx(1.4 * 60)
    assert [auto_minutes(4000, cores, False) for cores in (1, 2, 8)] == [5, 3, 1.5]
    assert auto_minutes(10**7, 2, False) == 60
    assert [auto_minutes(records, 2, True) for records in (0, 10_000, 10**7)] == [10, 20, 240]


@pytest.mark.parametrize(
    ("given", "minutes"),
    [
        ({"minutes": 2}, 2),
        ({"minutes": None}, None),
        ({"epochs": 30}, None),
        ({"steps": 10}, None),
        ({"steps": 10, "minutes": 0.5}, 0.5),
    ],
)
def test_a_length_that_is_given_is_kept(given: dict[str, Any], minutes: float | None) -> None:
    train = TrainOptions(**given)
    assert build_schedule(train, 800, IMAGE).seconds == (math.inf if minutes is None else minutes * 60)
    assert TrainOptions.model_validate_json(train.model_dump_json()) == train


def test_several_workers_have_no_budget() -> None:
    assert build_schedule(TrainOptions(distribute="multi_worker"), 800, IMAGE).seconds == math.inf
