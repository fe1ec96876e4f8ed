"""A search starts from the settings as they are and ends no worse; trainings are functions here, and time a number."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from diptych.models.progress import report_progress
from diptych.models.training.search import Search, Training, build_oracle, plan_rounds
from diptych.models.training.tune_options import TuneOptions
from tests.models.training.conftest import record_progress

EPOCHS, SECONDS_PER_EPOCH, SET_UP = 30, 2.0, 5.0
SPACE = {"train.epochs": {"min": 1, "max": 60}, "train.resume": [True, False]}
SETTINGS = {"train.epochs": 40, "train.resume": "true"}


class Trainings:
    """Trains by a function of the settings, on a clock of its own.

    Args:
        score: the score for the settings and the number of epochs.

    Attributes:
        asked: the settings and limits of the trainings.
    """

    def __init__(self, score: Callable[[Mapping[str, Any], int], float]) -> None:
        self._score = score
        self.now = 1000.0
        self.asked: list[tuple[dict[str, Any], int | None]] = []

    def clock(self) -> float:
        return self.now

    def __call__(self, values: Mapping[str, Any], epochs: int | None) -> Training:
        self.asked.append((dict(values), epochs))
        trained = epochs or EPOCHS
        seconds = SET_UP + trained * SECONDS_PER_EPOCH
        self.now += seconds
        return Training(self._score(values, trained), trained, seconds, SECONDS_PER_EPOCH)


def distance(values: Mapping[str, Any], epochs: int) -> float:
    """A score that is the least for ``train.epochs: 3`` and ``train.resume: false``."""
    return float(abs(values.get("train.epochs", 40) - 3) + values.get("train.resume", True))


def search(
    trainings: Trainings, folder: Path, seconds: float = math.inf, seed: int = 0, **changes: Any
) -> tuple[Search, dict[str, Any]]:
    """Runs a search; returns it and the best values."""
    tune = TuneOptions(**{"trials": 10, "space": SPACE, **changes})
    found = Search(
        build_oracle(tune, seed, SETTINGS), trainings, SETTINGS, seconds, trainings.clock, directory=str(folder)
    )
    found.search(verbose=0)
    return found, found.get_best_hyperparameters()[0].values


def limits(trainings: Trainings) -> list[int | None]:
    return [epochs for _, epochs in trainings.asked]


@pytest.mark.parametrize(
    ("settings", "epochs", "rounds"),
    [
        (10, 30, [(10, 4), (4, 10), (2, None)]),
        (9, 9, [(9, 1), (3, 3), (1, None)]),
        (10, 2, [(10, None)]),
        (2, 30, [(2, None)]),
        (0, 30, [(0, None)]),
    ],
)
def test_rounds_have_fewer_settings_and_more_epochs(settings: int, epochs: int, rounds: list[Any]) -> None:
    assert plan_rounds(settings, epochs) == rounds


def test_the_best_of_a_round_are_trained_longer(tmp_path: Path) -> None:
    trainings = Trainings(distance)
    _, best = search(trainings, tmp_path)
    assert limits(trainings) == [None, *[4] * 10, *[10] * 4, None, None]
    assert trainings.asked[0][0] == {}
    drawn = [values for values, _ in trainings.asked[1:11]]
    assert len({json.dumps(values) for values in drawn}) == 10
    order = sorted(drawn, key=lambda values: distance(values, 0))
    assert [values for values, _ in trainings.asked[11:]] == [*order[:4], *order[:2]]
    assert best["train.epochs"] == order[0]["train.epochs"]


@pytest.mark.parametrize("strategy", ["halving", "random", "bayesian", "grid"])
def test_every_strategy_finds_the_least(strategy: str, tmp_path: Path) -> None:
    space = {"train.epochs": {"min": 1, "max": 4}, "train.resume": [True, False]}
    _, best = search(Trainings(distance), tmp_path, trials=40, strategy=strategy, space=space)
    assert (best["train.epochs"], json.loads(best["train.resume"])) == (3, False)


@pytest.mark.parametrize("strategy", ["halving", "random", "bayesian", "grid"])
def test_the_settings_as_they_are_stay_unless_others_are_better(strategy: str, tmp_path: Path) -> None:
    with record_progress() as recorder:
        _, best = search(Trainings(lambda *_: 1.0), tmp_path, strategy=strategy)
    assert best == SETTINGS
    assert recorder.notes[-1] == "no trial was better than the settings as they are: val_loss 1.0000"


def test_a_short_training_does_not_decide(tmp_path: Path) -> None:
    """Others are better for a few epochs, and worse as whole trainings."""
    found, best = search(
        Trainings(lambda values, epochs: 2.0 if values and epochs == EPOCHS else epochs / EPOCHS), tmp_path
    )
    assert best == SETTINGS
    assert len(found.get_best_hyperparameters(9)) == 3


@pytest.mark.parametrize("strategy", ["halving", "random", "bayesian", "grid"])
def test_one_seed_gives_one_search(strategy: str, tmp_path: Path) -> None:
    asked = []
    for number, seed in enumerate([0, 0, 1]):
        trainings = Trainings(distance)
        search(trainings, tmp_path / str(number), seed=seed, strategy=strategy)
        asked.append(trainings.asked)
    assert asked[0] == asked[1]
    assert (asked[0] == asked[2]) == (strategy == "grid")


@pytest.mark.parametrize("strategy", ["halving", "random"])
@pytest.mark.parametrize("seconds", [1.0, 65.0, 129.0, 130.0, 200.0, 400.0])
def test_a_search_ends_in_time(strategy: str, seconds: float, tmp_path: Path) -> None:
    """A whole training takes 65 s. Only the first one may take longer than the budget."""
    trainings = Trainings(distance)
    found, best = search(trainings, tmp_path, seconds, strategy=strategy)
    assert trainings.now - 1000 <= max(seconds, 65)
    whole = limits(trainings).count(None)
    assert whole >= (1 if seconds < 130 else 2)
    assert len(trainings.asked) > seconds / 65 - 1
    if strategy == "halving" and seconds == 400:
        assert len(trainings.asked) > 400 / 65 + 2
    assert (best == SETTINGS) == (whole == 1)


def test_trials_are_told_as_they_come(tmp_path: Path) -> None:
    with record_progress() as recorder:
        search(Trainings(distance), tmp_path, trials=2, space={"train.epochs": [3, 50]})
    assert recorder.notes == [
        "trial 0 of 2: val_loss 38.0000 (best 38.0000), 30 epochs in 1 min 5 s, the settings as they are",
        "trial 1 of 2: val_loss 1.0000 (best 1.0000), 30 epochs in 1 min 5 s, train.epochs 3",
        "trial 2 of 2: val_loss 48.0000 (best 1.0000), 30 epochs in 1 min 5 s, train.epochs 50",
        "better than the settings as they are: val_loss 1.0000 instead of 38.0000, train.epochs 3",
    ]


def test_only_the_first_training_tells_more_than_its_result(tmp_path: Path) -> None:
    def talk(values: Mapping[str, Any], _: int) -> float:
        report_progress("note", text="talk")
        return 0.0

    with record_progress() as recorder:
        search(Trainings(talk), tmp_path, trials=2)
    assert recorder.notes.count("talk") == 1


def test_how_far_a_trial_is_is_told_with_its_number_and_the_end_of_the_search(tmp_path: Path) -> None:
    def report(values: Mapping[str, Any], epochs: int) -> float:
        report_progress("steps", epoch=1, epochs=epochs, share=0.5, seconds_left=1.0)
        return 0.0

    with record_progress() as recorder:
        search(Trainings(report), tmp_path, trials=3)
    told = [
        (details.get("part"), round(details["seconds_left"])) for kind, details in recorder.reports if kind == "steps"
    ]
    # Three short trainings, of 10 epochs in 25 s, and a whole one, of 30 in 65 s.
    assert told == [(None, 1), ("trial 1/4", 140), ("trial 2/4", 115), ("trial 3/4", 90), ("trial 4/4", 65)]


def test_a_budget_for_one_training_only_is_told(tmp_path: Path) -> None:
    with record_progress() as recorder:
        search(Trainings(distance), tmp_path, seconds=100.0)
    assert recorder.notes[-1].startswith("no other settings fit the budget")


def test_a_trial_that_fails_is_told_and_left(tmp_path: Path) -> None:
    def fail(values: Mapping[str, Any], _: int) -> float:
        if values.get("train.epochs") == 50:
            raise MemoryError("out of memory")
        return distance(values, 0)

    with record_progress() as recorder:
        _, best = search(Trainings(fail), tmp_path, trials=2, space={"train.epochs": [3, 50]})
    assert "trial 2 has failed with train.epochs 50: MemoryError: out of memory" in recorder.notes
    assert best == {"train.epochs": 3, "tuner/round": 0}


def test_an_accuracy_is_the_better_the_greater_it_is(tmp_path: Path) -> None:
    score = Trainings(lambda values, _: math.nan if values.get("train.epochs") == 50 else -distance(values, 0))
    _, best = search(score, tmp_path, trials=2, objective="val_accuracy", space={"train.epochs": [3, 50]})
    assert best["train.epochs"] == 3


def test_what_is_no_number_is_not_the_best(tmp_path: Path) -> None:
    _, best = search(Trainings(lambda values, _: 7.0 if values else math.nan), tmp_path)
    assert best != SETTINGS
