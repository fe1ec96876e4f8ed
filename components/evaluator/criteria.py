"""The criteria that a model must meet to be blessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from diptych.components.evaluator.options import EvaluateOptions
from diptych.models.metrics import LOWER_IS_BETTER, METRICS

#: How much two metrics may differ that are equal but for rounding.
TOLERANCE = 1e-6


class CriterionResult(NamedTuple):
    """Whether a criterion is met, and the sentence that says so."""

    met: bool
    reason: str


@dataclass(frozen=True)
class Criterion:
    """The least value that a metric must have; the largest, if less of it is better.

    Attributes:
        metric: one of ``METRICS``.
        bound: the value, or, if the criterion is relative, the gain.
        source: where the bound comes from, in words.
        relative: whether the bound is a gain over the last blessed model.
        slices: features, each slice of which must meet the criterion; empty if the whole test split must.
        min_examples: smaller slices need not meet it.
    """

    metric: str
    bound: float
    source: str
    relative: bool = False
    slices: tuple[str, ...] = ()
    min_examples: int = 0

    def evaluate(self, value: float, reference: float = 0.0) -> CriterionResult:
        """Compares a model's metric with the bound.

        Args:
            value: the metric of the model.
            reference: the metric of the last blessed model, which a relative criterion needs.
        """
        sign = -1 if self.metric in LOWER_IS_BETTER else 1
        bound = reference + sign * self.bound if self.relative else self.bound
        met = sign * value >= sign * bound - TOLERANCE
        words = ("stays within", "exceeds") if sign < 0 else ("reaches", "is below")
        return CriterionResult(met, f"{self.metric} {value:.4f} {words[not met]} {bound:.4f} ({self.source})")


def make_criteria(options: EvaluateOptions, baseline: Mapping[str, float], has_blessed: bool) -> list[Criterion]:
    """All criteria of an evaluation, at least one.

    Args:
        baseline: the metrics of the linear baseline.
        has_blessed: whether there is a last blessed model to compare with.
    """
    # A baseline for multiclass leaves micro-F1 out, because there it equals the accuracy.
    baseline = {"micro_f1": baseline["accuracy"], **baseline}
    criteria = []
    for metric in METRICS:
        if (bound := getattr(options.thresholds, metric)) is not None:
            criteria.append(Criterion(metric, bound, f"evaluate.thresholds.{metric}"))
        if (gain := getattr(options.gain_over_baseline, metric, None)) is not None:
            source = f"linear text baseline {baseline[metric]:.4f}, evaluate.gain_over_baseline.{metric} {gain:+g}"
            criteria.append(Criterion(metric, baseline[metric] + gain, source))
        if has_blessed and (gain := getattr(options.gain_over_blessed, metric)) is not None:
            source = f"last blessed model, evaluate.gain_over_blessed.{metric} {gain:+g}"
            criteria.append(Criterion(metric, gain, source, relative=True))
        if (bound := getattr(options.slice_thresholds, metric)) is not None:
            features = tuple(slice_.feature for slice_ in options.slices)
            source = f"evaluate.slice_thresholds.{metric}"
            criteria.append(Criterion(metric, bound, source, slices=features, min_examples=options.min_slice_examples))
    # Without a threshold TFMA validates nothing, and so blesses nothing.
    return criteria or [Criterion("accuracy", 0.0, "no criterion is set in evaluate")]
