"""What is asked of a model, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.evaluator.options import EvaluateOptions

METRICS = ("accuracy", "macro_f1")

#: Rounding of a comparison between two runs of the same arithmetic.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Criterion:
    """One least value of one metric.

    Attributes:
        source: where the value comes from, in words.
        relative: whether the value is a gain over the last blessed model, not the metric's own.
    """

    metric: str
    bound: float
    source: str
    relative: bool = False

    def explain(self, value: float, reference: float = 0.0) -> tuple[bool, str]:
        """Whether a value meets it, and the sentence that says so.

        Args:
            value: the model's metric.
            reference: the last blessed model's, for a relative criterion.
        """
        bound = self.bound + (reference if self.relative else 0.0)
        met = value >= bound - _TOLERANCE
        relation = "reaches" if met else "is below"
        return met, f"{self.metric} {value:.4f} {relation} {bound:.4f} ({self.source})"


def criteria(options: EvaluateOptions, baseline: Mapping[str, float], compared: bool) -> list[Criterion]:
    """Everything asked of a model.

    Args:
        baseline: the linear baseline's metrics.
        compared: whether there is a last blessed model to compare with.
    """
    asked = []
    for metric in METRICS:
        if (bound := getattr(options.thresholds, metric)) is not None:
            asked.append(Criterion(metric, bound, f"evaluate.thresholds.{metric}"))
        if (gain := getattr(options.gain_over_baseline, metric)) is not None:
            source = f"linear text baseline {baseline[metric]:.4f}, evaluate.gain_over_baseline.{metric} {gain:+g}"
            asked.append(Criterion(metric, baseline[metric] + gain, source))
        if compared and (gain := getattr(options.gain_over_blessed, metric)) is not None:
            source = f"last blessed model, evaluate.gain_over_blessed.{metric} {gain:+g}"
            asked.append(Criterion(metric, gain, source, relative=True))
    # TFMA validates nothing, and so blesses nothing, where no threshold is set.
    return asked or [Criterion("accuracy", 0.0, "no criterion is set in evaluate")]
