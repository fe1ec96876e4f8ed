"""Figures of several models on the same rows with their intervals, and tests of their differences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from diptych.models.statistics.intervals import NO_DEVIATION, Interval, figure_interval, two_sided_z, wilson_interval
from diptych.models.statistics.row_predictions import RowPredictions

# Metrics that are shares of the rows.
_SHARES = frozenset({"accuracy", "top_k_accuracy"})

# Of 400 resamples, a standard deviation is right to within 4 %, of 100 to within 7 %.
_MOST_RESAMPLES, _FEWEST_RESAMPLES = 400, 100
# So many scores are weighted anew in all resamples together: some seconds of one core.
_RESAMPLED_SCORES = 500_000_000
# The number of weights that are in memory at once.
_WEIGHTS_AT_ONCE = 10_000_000


@dataclass(frozen=True)
class Difference:
    """What a metric of one model has more than that of another on the same rows.

    Attributes:
        value: the difference of the figures.
        interval: of the difference.
        deviation: the standard deviation of the difference, were other rows drawn.
        wins: for accuracy only: number of rows that the first model alone has right; else None.
        losses: number of rows that the other model alone has right; else None.
    """

    value: float
    interval: Interval
    deviation: float
    wins: int | None = None
    losses: int | None = None

    def p_value(self, gain: float, sign: int = 1) -> float:
        """How likely a difference as small as this is, if the first model truly has ``gain`` more; one-sided.

        Of accuracy, a gain of 0 is tested by McNemar's exact test: of the rows that one model alone has right, each has
        them right with the same probability (McNemar, "Note on the sampling error of the difference between
        correlated proportions or percentages", 1947). Otherwise the difference is taken to be distributed normally.

        Args:
            sign: 1; -1 if less of the metric is better, and a gain is what the first model has less.
        """
        if self.wins is not None and self.losses is not None and gain == 0:
            differing = self.wins + self.losses
            return float(binomtest(self.wins, differing, 0.5, alternative="less").pvalue) if differing else 1.0
        distance = sign * self.value - gain
        if self.deviation < NO_DEVIATION:
            return float(distance >= 0)
        return NormalDist().cdf(distance / self.deviation)

    @property
    def two_sided_p(self) -> float:
        """How likely a difference as great as this, to either side, is if the models are equally good.

        Of accuracy by McNemar's exact test, as in ``p_value``; otherwise the difference is distributed normally.
        """
        if self.wins is not None and self.losses is not None:
            differing = self.wins + self.losses
            return float(binomtest(self.wins, differing, 0.5).pvalue) if differing else 1.0
        if self.deviation < NO_DEVIATION:
            return float(abs(self.value) < NO_DEVIATION)
        return 2 * NormalDist().cdf(-abs(self.value) / self.deviation)


@dataclass(frozen=True)
class MeasuredModel:
    """A model's figures on some rows with their intervals, and what the model that is judged has more.

    Attributes:
        metrics: metric to figure.
        intervals: metric to interval.
        differences: metric to what the judged model has more; empty for that model itself.
    """

    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    differences: Mapping[str, Difference]


def measure_models(models: Sequence[RowPredictions], confidence: float) -> list[MeasuredModel]:
    """Measures models on the same rows.

    Accuracy has Wilson's interval. Other metrics have that of ``figure_interval``: the rows are drawn anew with
    replacement up to 400 times, the same ones for every model, so that differences are of pairs. The seed is fixed.

    Args:
        models: predictions for the same rows, at least one; the first model is the one that is judged.
        confidence: of the intervals, 0 to 1, both excluded.
    """
    figures = [{metric: float(value) for metric, (value,) in model.metrics().items()} for model in models]
    replicates = _resample(models)
    rows = len(models[0].ids)
    measured = []
    for place, model in enumerate(models):
        own, resampled = figures[place], replicates[place]
        intervals = {
            metric: _interval(metric, figure, resampled[metric], rows, confidence) for metric, figure in own.items()
        }
        differences = {
            metric: _bootstrapped(figures[0][metric] - figure, replicates[0][metric] - resampled[metric], confidence)
            for metric, figure in own.items()
            if metric in figures[0]
        }
        differences["accuracy"] = compare_accuracy(models[0].correct, model.correct, confidence)
        if models[0].is_of_one_label and model.is_of_one_label:
            intervals["micro_f1"], differences["micro_f1"] = intervals["accuracy"], differences["accuracy"]
        measured.append(MeasuredModel(own, intervals, differences if place else {}))
    return measured


def _interval(metric: str, figure: float, resampled: NDArray[np.float64], rows: int, confidence: float) -> Interval:
    if metric in _SHARES:
        return wilson_interval(figure, rows, confidence)
    return figure_interval(figure, float(resampled.std(ddof=1)), rows, confidence)


def compare_accuracy(first: NDArray[np.bool_], other: NDArray[np.bool_], confidence: float) -> Difference:
    """Compares which rows two models have right, both bool ``[rows]``.

    The interval is Agresti and Min's, "Simple improved confidence intervals for comparing matched proportions" (2005):
    half a row is added to each of the four cells, so that agreement on a few rows is not taken for agreement on all.
    """
    wins, losses = int((first & ~other).sum()), int((~first & other).sum())
    rows = len(first) + 2
    centre = (wins - losses) / rows
    deviation = math.sqrt((wins + losses + 1) / rows - centre**2) / math.sqrt(rows)
    half_width = two_sided_z(confidence) * deviation
    interval = Interval(max(-1.0, centre - half_width), min(1.0, centre + half_width))
    return Difference((wins - losses) / len(first), interval, deviation, wins, losses)


def _bootstrapped(value: float, replicates: NDArray[np.float64], confidence: float) -> Difference:
    deviation = float(replicates.std(ddof=1))
    half_width = two_sided_z(confidence) * deviation
    return Difference(value, Interval(max(-1.0, value - half_width), min(1.0, value + half_width)), deviation)


def _resample(models: Sequence[RowPredictions]) -> list[dict[str, NDArray[np.float64]]]:
    """For each model, metric to its values on resampled rows, float64 ``[resamples]``; all models get the same rows."""
    rows, labels = len(models[0].ids), max(len(model.labels) for model in models)
    affordable = _RESAMPLED_SCORES // (rows * max(labels, 1))
    resamples = min(max(affordable, _FEWEST_RESAMPLES), _MOST_RESAMPLES)
    parts = [[model.metrics(weights) for model in models] for weights in _draw_weights(rows, resamples)]
    return [
        {metric: np.concatenate([part[metric] for part in of_model]) for metric in of_model[0]}
        for of_model in zip(*parts, strict=True)
    ]


def _draw_weights(rows: int, resamples: int) -> Iterator[NDArray[np.float32]]:
    """How often each row is drawn in each resample, float32 ``[n, rows]``; a few resamples at a time."""
    generator = np.random.default_rng(0)
    at_once = max(1, _WEIGHTS_AT_ONCE // rows)
    for start in range(0, resamples, at_once):
        number = min(at_once, resamples - start)
        drawn = generator.integers(0, rows, (number, rows)) + np.arange(number)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=number * rows).reshape(number, rows).astype(np.float32)
