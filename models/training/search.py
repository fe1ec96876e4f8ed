"""A search for hyperparameters that starts from the settings as they are and never ends below them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus

from diptych.models.counts import pluralize
from diptych.models.progress import describe_duration, report_progress, reporting_part
from diptych.models.training.hyperparameters import encode_choices, hyperparameter_values
from diptych.models.training.tune_options import Range, TuneOptions

# Each round of successive halving trains one of so many settings of the round before, so many times longer.
_FACTOR = 3
# Hyperparameters that are no settings, named as KerasTuner's Hyperband names them: the maximum number of epochs of a
# trial, which those of the last round do not have, and the round.
_EPOCHS, _ROUND = "tuner/epochs", "tuner/round"


@dataclass(frozen=True)
class Training:
    """What a training has shown.

    Attributes:
        score: the value of the objective.
        epochs: number of epochs.
        seconds: how long it took, with all that it set up.
        seconds_per_epoch: how long one of its epochs took.
    """

    score: float
    epochs: int
    seconds: float
    seconds_per_epoch: float

    def expected_seconds(self, epochs: int | None) -> float:
        """How long another training of so many epochs takes; for None, as many as this one has."""
        return self.seconds - (self.epochs - (epochs or self.epochs)) * self.seconds_per_epoch


#: Trains with some settings replaced, key to value, for at most so many epochs; for None, as long as Trainer does.
TrainFn = Callable[[Mapping[str, Any], int | None], Training]


class HalvingOracle(keras_tuner.Oracle):  # type: ignore[misc]
    """Successive halving (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification", 2016).

    The first round trains randomly drawn settings for a few epochs. Each further round trains the best third of the
    one before it three times longer, and the last round trains as long as Trainer does.

    Args:
        trials: number of settings in the first round.
        arguments: the arguments of ``keras_tuner.Oracle``.
    """

    def __init__(self, trials: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._rounds: list[tuple[int, int | None]] = [(trials, None)]

    def plan(self, training: Training, seconds: float) -> None:
        """Decides on the rounds, with as many settings as fit the time.

        Args:
            training: a training as long as those of the last round.
            seconds: the time for all rounds.
        """
        settings = self._rounds[0][0]
        while settings and _expected_seconds(plan_rounds(settings, training.epochs), training) > seconds:
            settings -= 1
        self._rounds = plan_rounds(settings, training.epochs)
        self.max_trials = sum(size for size, _ in self._rounds)

    def seconds_left(self, training: Training) -> float:
        """How long the newest trial and those that the plan still has take.

        Args:
            training: a training as long as those of the last round.
        """
        begun = [_round_of(trial) for trial in self.trials.values()]
        rounds = [(size - begun.count(number), epochs) for number, (size, epochs) in enumerate(self._rounds)]
        newest = training.expected_seconds(self._rounds[max(begun, default=0)][1])
        return newest + _expected_seconds(rounds, training)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The values of the next trial; when the last round has ended, the status STOPPED."""
        latest = max((_round_of(trial) for trial in self.trials.values()), default=0)
        for number in range(latest, len(self._rounds)):
            values = self._promote(number) if number else self._draw()
            if values:
                epochs = self._rounds[number][1]
                limit = {_EPOCHS: epochs} if epochs else {}
                return {"status": TrialStatus.RUNNING, "values": {**values, **limit, _ROUND: number}}
        return {"status": TrialStatus.STOPPED}

    def _draw(self) -> dict[str, Any] | None:
        """Random values that were not drawn before; None when there are enough, or no others."""
        values: dict[str, Any] | None = self._random_values() if len(self.trials) < self._rounds[0][0] else None
        return values

    def _promote(self, number: int) -> dict[str, Any] | None:
        """The values of the best trial of the round before that is not in this round; None if this round is full."""
        before = [trial for trial in self.trials.values() if _round_of(trial) == number - 1]
        place = sum(_round_of(trial) == number for trial in self.trials.values())
        ended = [trial for trial in before if trial.status == TrialStatus.COMPLETED]
        ended.sort(key=lambda trial: _rank(trial.score, self.objective.direction))
        promoted = ended[: math.ceil(len(before) / _FACTOR)]
        return _without_limits(promoted[place].hyperparameters.values) if place < len(promoted) else None

    def _compute_values_hash(self, values: dict[str, Any]) -> str:
        """The hash by which values are told that were drawn before."""
        return str(super()._compute_values_hash(_without_limits(values)))


class Search(BaseTuner):  # type: ignore[misc]
    """Trains with the settings as they are, then with those of an oracle, within a budget of time.

    The settings as they are stay the best unless a training as long as Trainer's has a better score with others.

    Args:
        oracle: chooses the settings of the trials.
        train: see ``TrainFn``.
        settings: the settings as they are: the keys of the search space, with values as KerasTuner takes them.
        seconds: no trial starts if a whole training would not end within so many seconds since the search began.
        clock: gives the time in seconds.
        arguments: the arguments of ``BaseTuner``.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        train: TrainFn,
        settings: Mapping[str, Any],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        **arguments: Any,
    ) -> None:
        super().__init__(oracle=oracle, **arguments)
        self._train, self._settings = train, settings
        self._clock, self._deadline = clock, seconds
        self._reference = Training(math.nan, 0, 0.0, 0.0)
        self._trainings: dict[str, Training] = {}

    def search(self, **arguments: Any) -> None:
        """Trains with the settings as they are, and then runs the trials."""
        self._deadline += self._clock()
        self._reference = self._train({}, None)
        if isinstance(self.oracle, HalvingOracle):
            self.oracle.plan(self._reference, self._deadline - self._clock())
        self._report("the settings as they are", 0, self._reference)
        if self._has_time():
            super().search(**arguments)
        self._report_best()

    def pre_create_trial(self) -> None:
        """Ends the search when its time is spent."""
        if self.oracle.trials and not self._has_time():
            self.oracle.max_trials = len(self.oracle.trials)

    def run_trial(self, trial: Trial, **_: Any) -> dict[str, float]:
        """Trains with the settings of a trial."""
        hyperparameters = trial.hyperparameters
        values, epochs = hyperparameter_values(hyperparameters.get_config()), hyperparameters.values.get(_EPOCHS)
        part = f"trial {len(self.oracle.trials)}/{self.oracle.max_trials}"
        with reporting_part(part, self._seconds_left()):
            training = self._train(values, epochs)
        self._trainings[trial.trial_id] = training
        return {self.oracle.objective.name: training.score}

    def on_trial_end(self, trial: Trial) -> None:
        """Reports the trial."""
        super().on_trial_end(trial)
        number, values = len(self.oracle.trials), hyperparameter_values(trial.hyperparameters.get_config())
        if training := self._trainings.get(trial.trial_id):
            self._report(_describe_settings(values), number, training)
        else:
            problem = (trial.message or "").strip().rpartition("\n")[2]
            report_progress("note", text=f"trial {number} has failed with {_describe_settings(values)}: {problem}")

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """The best hyperparameters first, among those that were trained as long as Trainer trains."""
        return [hyperparameters for _, hyperparameters in self._ranking()[:num_trials]]

    def _has_time(self) -> bool:
        return self._clock() + self._reference.seconds <= self._deadline

    def _seconds_left(self) -> float:
        """How long the trial at work and those after it take, by what whole trainings take, within the budget."""
        trials, deadline = self.oracle.trials, self._deadline - self._clock()
        if isinstance(self.oracle, HalvingOracle):
            return min(self.oracle.seconds_left(self._reference), deadline)
        more = int(self.oracle.max_trials) - len(trials)
        return min((1 + more) * self._reference.seconds, deadline)

    def _ranking(self) -> list[tuple[float, keras_tuner.HyperParameters]]:
        """Scores and hyperparameters of whole trainings, best first; of equal ones, the settings as they are."""
        as_they_are = self.oracle.get_space()
        as_they_are.values = dict(self._settings)
        found = [(self._reference.score, as_they_are)]
        for trial in self.oracle.trials.values():
            if trial.status == TrialStatus.COMPLETED and _EPOCHS not in trial.hyperparameters.values:
                found.append((trial.score, trial.hyperparameters))
        return sorted(found, key=lambda scored: _rank(scored[0], self.oracle.objective.direction))

    def _report(self, settings: str, number: int, training: Training) -> None:
        objective = self.oracle.objective
        scores = [self._reference.score, *(training.score for training in self._trainings.values())]
        best = min(scores, key=lambda score: _rank(score, objective.direction))
        name, duration = objective.name, describe_duration(training.seconds)
        figures = f"{name} {training.score:.4f} (best {best:.4f}), {pluralize(training.epochs, 'epoch')} in {duration}"
        report_progress("note", text=f"trial {number} of {self.oracle.max_trials}: {figures}, {settings}")

    def _report_best(self) -> None:
        objective = self.oracle.objective.name
        score, best = self._ranking()[0]
        reference = f"{self._reference.score:.4f}"
        if not self.oracle.trials:
            text = "no other settings fit the budget (tune.minutes), or the space has none: they stay as they are"
        elif best.values == self._settings:
            text = f"no trial was better than the settings as they are: {objective} {reference}"
        else:
            settings = _describe_settings(hyperparameter_values(best.get_config()))
            text = f"better than the settings as they are: {objective} {score:.4f} instead of {reference}, {settings}"
        report_progress("note", text=text)


def plan_rounds(settings: int, epochs: int) -> list[tuple[int, int | None]]:
    """The rounds of successive halving: how many settings each trains, for at most how many epochs.

    The number of epochs is None for the last round.

    Args:
        settings: number of settings in the first round.
        epochs: number of epochs of a training in the last round.
    """
    sizes: list[int] = [settings]
    limits: list[int | None] = [None]
    while sizes[-1] >= _FACTOR and epochs >= _FACTOR:
        epochs = math.ceil(epochs / _FACTOR)
        sizes.append(math.ceil(sizes[-1] / _FACTOR))
        limits.insert(0, epochs)
    return list(zip(sizes, limits, strict=True))


def build_oracle(tune: TuneOptions, seed: int, settings: Mapping[str, Any]) -> keras_tuner.Oracle:
    """Builds the KerasTuner oracle, which chooses the hyperparameters of each trial.

    Args:
        settings: values that it need not choose, since they are tried already, as KerasTuner takes them.
    """
    oracles = {
        "halving": HalvingOracle,
        "random": keras_tuner.oracles.RandomSearchOracle,
        "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
        "grid": keras_tuner.oracles.GridSearchOracle,
    }
    size = {"trials" if tune.strategy == "halving" else "max_trials": tune.trials}
    oracle = oracles[tune.strategy](
        objective=keras_tuner.Objective(tune.objective, "min" if tune.objective == "val_loss" else "max"),
        hyperparameters=_build_hyperparameters(tune),
        tune_new_entries=False,
        # KerasTuner takes a seed of 0 for no seed.
        seed=seed + 1,
        **size,
    )
    oracle._tried_so_far.add(oracle._compute_values_hash(dict(settings)))
    return oracle


def _build_hyperparameters(tune: TuneOptions) -> keras_tuner.HyperParameters:
    hyperparameters = keras_tuner.HyperParameters()
    for key, values in tune.space.items():
        if isinstance(values, Range):
            number = hyperparameters.Int if values.is_integer else hyperparameters.Float
            number(key, values.min, values.max, sampling="log" if values.log else "linear")
        else:
            hyperparameters.Choice(key, encode_choices(values))
    return hyperparameters


def _expected_seconds(rounds: list[tuple[int, int | None]], training: Training) -> float:
    return sum(size * training.expected_seconds(epochs) for size, epochs in rounds)


def _round_of(trial: Trial) -> int:
    return int(trial.hyperparameters.values[_ROUND])


def _without_limits(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in (_EPOCHS, _ROUND)}


def _rank(score: float, direction: str) -> float:
    """A number that is the less, the better the score is; infinite for a score that is no number."""
    if math.isnan(score):
        return math.inf
    return score if direction == "min" else -score


def _describe_settings(values: Mapping[str, Any]) -> str:
    numbers = {key: f"{value:.4g}" if isinstance(value, float) else json.dumps(value) for key, value in values.items()}
    return ", ".join(f"{key} {value}" for key, value in numbers.items())
