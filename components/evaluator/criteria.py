"""What is asked of a model, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diptych.components.evaluator.options import EvaluateOptions
from diptych.models.metrics import LOWER_IS_BETTER, METRICS

#: Rounding of a comparison between two runs of the same arithmetic.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Criterion:
    """One least value of one metric; of a metric of which less is better, the most.

    Attributes:
        source: where the value comes from, in words.
        relative: whether the value is a gain over the last blessed model, not the metric's own.
        slices: features on whose slices it holds, each on its own; none for the whole split.
        min_examples: of the slices it holds for.
    """

    metric: str
    bound: float
    source: str
    relative: bool = False
    slices: tuple[str, ...] = ()
    min_examples: int = 0

    def explain(self, value: float, reference: float = 0.0) -> tuple[bool, str]:
        """Whether a value meets it, and the sentence that says so.

        Args:
            value: the model's metric.
            reference: the last blessed model's, for a relative criterion.
        """
        sign = -1 if self.metric in LOWER_IS_BETTER else 1
        bound = reference + sign * self.bound if self.relative else self.bound
        met = sign * value >= sign * bound - TOLERANCE
        words = ("stays within", "exceeds") if sign < 0 else ("reaches", "is below")
        return met, f"{self.metric} {value:.4f} {words[not met]} {bound:.4f} ({self.source})"


def criteria(options: EvaluateOptions, baseline: Mapping[str, float], compared: bool) -> list[Criterion]:
    """Everything asked of a model.

    Args:
        baseline: the linear baseline's metrics.
        compared: whether there is a last blessed model to compare with.
    """
    # Of one label, which is why the baseline then does not tell it, micro-F1 is the accuracy.
    baseline = {"micro_f1": baseline["accuracy"], **baseline}
    asked = []
    for metric in METRICS:
        if (bound := getattr(options.thresholds, metric)) is not None:
            asked.append(Criterion(metric, bound, f"evaluate.thresholds.{metric}"))
        if (gain := getattr(options.gain_over_baseline, metric, None)) is not None:
            source = f"linear text baseline {baseline[metric]:.4f}, evaluate.gain_over_baseline.{metric} {gain:+g}"
            asked.append(Criterion(metric, baseline[metric] + gain, source))
        if compared and (gain := getattr(options.gain_over_blessed, metric)) is not None:
            source = f"last blessed model, evaluate.gain_over_blessed.{metric} {gain:+g}"
            asked.append(Criterion(metric, gain, source, relative=True))
        if (bound := getattr(options.slice_thresholds, metric)) is not None:
            features = tuple(one.feature for one in options.slices)
            source = f"evaluate.slice_thresholds.{metric}"
            asked.append(Criterion(metric, bound, source, slices=features, min_examples=options.min_slice_examples))
    # TFMA validates nothing, and so blesses nothing, where no threshold is set.
    return asked or [Criterion("accuracy", 0.0, "no criterion is set in evaluate")]
