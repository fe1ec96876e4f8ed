"""The criteria that a model must meet to be blessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from diptych.components.evaluator.options import EvaluateOptions
from diptych.models.counts import pluralize
from diptych.models.labels import Task
from diptych.models.metrics import LOWER_IS_BETTER, METRICS
from diptych.models.statistics.comparison import Difference
from diptych.models.statistics.intervals import Interval

#: How much two metrics may differ that are equal but for rounding.
TOLERANCE = 1e-6


class CriterionResult(NamedTuple):
    """Whether a criterion is met, and the sentence that says so."""

    met: bool
    reason: str


@dataclass(frozen=True)
class ThresholdCriterion:
    """The least value that a metric must have; the largest, if less of it is better.

    Attributes:
        metric: one of ``METRICS``.
        threshold: the value.
        source: the option that asks for it.
        on_bound: whether the bound of the metric's interval must have the value, not the metric itself.
    """

    metric: str
    threshold: float
    source: str
    on_bound: bool = False

    @property
    def _sign(self) -> int:
        return -1 if self.metric in LOWER_IS_BETTER else 1

    def evaluate(self, figure: float, interval: Interval | None = None) -> CriterionResult:
        """Compares a model's metric with the threshold.

        Args:
            figure: the metric of the model.
            interval: of the figure; None if it is unknown, in which case no criterion on the bound is met.
        """
        if self.on_bound and interval is None:
            return CriterionResult(False, f"{self.metric} {figure:.4f} has no interval for its bound ({self.source})")
        value, meant = figure, "the figure itself"
        if self.on_bound and interval is not None:
            value = interval.low if self._sign > 0 else interval.high
            meant = f"the {'lower' if self._sign > 0 else 'upper'} bound of {figure:.4f}"
        met = self._sign * value >= self._sign * self.threshold - TOLERANCE
        words = ("stays within", "exceeds") if self._sign < 0 else ("reaches", "is below")
        return CriterionResult(
            met, f"{self.metric} {value:.4f}, {meant}, {words[not met]} {self.threshold:.4f} ({self.source})"
        )


@dataclass(frozen=True)
class SliceCriterion:
    """A threshold for the figure of each slice of some features that has examples enough.

    Attributes:
        features: features, each slice of which must meet the threshold.
        min_examples: smaller slices need not meet it.
    """

    threshold: ThresholdCriterion
    features: tuple[str, ...]
    min_examples: int


@dataclass(frozen=True)
class GainCriterion:
    """The least gain over another model.

    Attributes:
        metric: one of ``METRICS``.
        gain: what the metric must be better by.
        other: the name of the other model.
        source: the option that asks for it.
        confidence: the gain is too small only if it is so by chance in a smaller share of cases than this leaves.
        tests: how many criteria share that share (Bonferroni's correction), so that a model that is as good as all
            others is refused by none of them in that share of cases.
    """

    metric: str
    gain: float
    other: str
    source: str
    confidence: float
    tests: int = 1

    @property
    def _sign(self) -> int:
        return -1 if self.metric in LOWER_IS_BETTER else 1

    def evaluate(self, figure: float, other: float, difference: Difference | None) -> CriterionResult:
        """Tests whether the gain is too small beyond chance.

        Args:
            figure: the metric of the model.
            other: the metric of the other model.
            difference: what the model has more; None if the other's rows are unknown. The figures alone decide then.
        """
        value = figure - other if difference is None else difference.value
        reached = self._sign * value >= self.gain - TOLERANCE
        compared = f"{self.metric} {figure:.4f} against {other:.4f} of the {self.other}: difference {value:+.4f}"
        asked = f"{self._sign * self.gain:+g}"
        if difference is None:
            words = f"{'reaches' if reached else 'misses'} {asked} by the figures, for the rows of one are unknown"
            return CriterionResult(reached, f"{compared} {words} ({self.source})")
        p = difference.p_value(self.gain, self._sign)
        met = reached or p >= (1 - self.confidence) / self.tests
        outcome = f"reaches {asked}" if reached else f"misses {asked} {'within' if met else 'beyond'} chance"
        chance = "" if reached else f"p {p:.3f}, "
        return CriterionResult(met, f"{compared} ({self._describe(difference)}) {outcome} ({chance}{self.source})")

    def _describe(self, difference: Difference) -> str:
        low, high = difference.interval
        text = f"{100 * self.confidence:g} % {low:+.4f} to {high:+.4f}"
        if difference.wins is None:
            return text
        return f"{text}, {pluralize(difference.wins, 'row')} won and {difference.losses} lost"


#: What a model must meet.
Criterion = ThresholdCriterion | SliceCriterion | GainCriterion


def make_criteria(
    options: EvaluateOptions, task: Task, baselines: Sequence[str], blessed: str | None
) -> list[Criterion]:
    """All criteria of an evaluation.

    Args:
        baselines: the names of the baselines.
        blessed: the name of the last blessed model; None if it is not compared with.
    """
    criteria: list[Criterion] = []
    for metric in METRICS:
        if (value := getattr(options.thresholds, metric)) is not None:
            on_bound = options.threshold_on == "bound"
            criteria.append(ThresholdCriterion(metric, value, f"evaluate.thresholds.{metric}", on_bound))
        if (gain := getattr(options.baseline_gains(task), metric, None)) is not None:
            source = f"evaluate.gain_over_baseline.{metric}"
            criteria += [GainCriterion(metric, gain, name, source, options.confidence) for name in baselines]
        if blessed and (gain := getattr(options.blessed_gains(task), metric)) is not None:
            source = f"evaluate.gain_over_blessed.{metric}"
            criteria.append(GainCriterion(metric, gain, blessed, source, options.confidence))
        if (value := getattr(options.slice_thresholds, metric)) is not None:
            features = tuple(slice_.feature for slice_ in options.slices)
            threshold = ThresholdCriterion(metric, value, f"evaluate.slice_thresholds.{metric}")
            criteria.append(SliceCriterion(threshold, features, options.min_slice_examples))
    gains = sum(isinstance(criterion, GainCriterion) for criterion in criteria)
    return [replace(each, tests=gains) if isinstance(each, GainCriterion) else each for each in criteria]
