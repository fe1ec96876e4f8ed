"""How the metrics of the network are laid out: against baselines, and by slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from diptych.components.artifacts import LAST_BLESSED, baseline_name
from diptych.components.report.report_data import Comparison, Metrics, ReportData
from diptych.models.metrics import LOWER_IS_BETTER, METRICS

#: Metric to lower and upper bound.
Intervals = Mapping[str, tuple[float, float]]

# The first one that the network has is its headline.
_HEADLINES = ("accuracy", "macro_f1", "micro_f1")

# A smaller gain is not called better or worse where chance is unknown.
_MIN_GAIN = 0.0005


@dataclass(frozen=True)
class ComparedModel:
    """A model and its metrics.

    Attributes:
        intervals: of the metrics; empty if they are unknown.
        gains: the network's metrics minus this model's; empty for the network.
        gain_intervals: of the gains; empty if they are unknown.
    """

    name: str
    metrics: Metrics
    intervals: Intervals = field(default_factory=dict)
    gains: Metrics = field(default_factory=dict)
    gain_intervals: Intervals = field(default_factory=dict)

    def is_gain_certain(self, metric: str) -> bool:
        """Whether the network's gain is no chance, or, where chance is unknown, at least no rounding."""
        if metric in self.gain_intervals:
            low, high = self.gain_intervals[metric]
            return low > 0 or high < 0
        return abs(self.gains.get(metric, 0.0)) >= _MIN_GAIN


@dataclass(frozen=True)
class ModelVerdict:
    """How good the network is, in one metric.

    Attributes:
        baseline: the linear baseline that is best in the metric; None if there is none.
        blessed: None if that was not decided.
    """

    metric: str
    network: ComparedModel
    baseline: ComparedModel | None
    blessed: bool | None

    @property
    def standing(self) -> Literal["better", "even", "worse", "alone"]:
        """Whether the network is better than the baseline beyond chance; ``alone`` without a baseline."""
        if self.baseline is None:
            return "alone"
        if not self.baseline.is_gain_certain(self.metric):
            return "even"
        return "better" if is_improvement(self.metric, self.baseline.gains[self.metric]) else "worse"

    @property
    def level(self) -> Literal["good", "warn", "bad"]:
        """How much there is to worry about: nothing, only if the model is blessed and better than the baseline."""
        if self.blessed and self.standing == "better":
            return "good"
        return "warn" if self.blessed and self.standing != "worse" else "bad"


@dataclass(frozen=True)
class SliceRow:
    """A slice of the test split: the network's accuracy, and that of the last blessed model if it is known."""

    name: str
    examples: int
    accuracy: float
    last_blessed: float | None


def compare_models(data: ReportData) -> list[ComparedModel]:
    """The network, and the models that it is compared with; empty without a network."""
    if data.decision is None:
        return []
    decision = data.decision
    figures = {baseline_name(modality): metrics for modality, metrics in data.linear_baseline.items()}
    figures[LAST_BLESSED] = decision.last_blessed_slices.get("", {})
    figures["most frequent label"] = data.majority_baseline
    others = [
        _compare(decision.metrics, name, {**metrics, **compared.metrics}, compared)
        for name, metrics in figures.items()
        for compared in [decision.comparisons.get(name, Comparison())]
        if metrics
    ]
    return [ComparedModel("Network", decision.metrics, decision.intervals), *others]


def _compare(network: Metrics, name: str, metrics: Metrics, compared: Comparison) -> ComparedModel:
    gains = {metric: network[metric] - metrics[metric] for metric in METRICS if metric in network and metric in metrics}
    title = name[:1].upper() + name[1:]
    return ComparedModel(title, metrics, compared.intervals, gains, compared.difference_intervals)


def best_baselines(models: Sequence[ComparedModel]) -> dict[str, ComparedModel]:
    """Metric to the linear baseline that is best in it."""
    linear = [model for model in models if model.name.startswith("Linear")]
    return {
        metric: (min if metric in LOWER_IS_BETTER else max)(having, key=lambda model: model.metrics[metric])
        for metric in METRICS
        if (having := [model for model in linear if metric in model.metrics])
    }


def judge_network(models: Sequence[ComparedModel], blessed: bool | None) -> ModelVerdict | None:
    """The network's headline beside the linear baseline that is best in it.

    Args:
        models: what ``compare_models`` returned.
    """
    network = models[0].metrics if models else {}
    metric = next((name for name in _HEADLINES if name in network), None)
    if metric is None:
        return None
    baseline = best_baselines(models).get(metric)
    return ModelVerdict(metric, models[0], baseline, blessed)


def list_slices(slices: Mapping[str, Metrics], last_blessed: Mapping[str, Metrics]) -> list[SliceRow]:
    """Every slice but the whole split, worst first; of equally good ones the largest first.

    Args:
        slices: slice to the network's metrics.
        last_blessed: slice to the metrics of the last blessed model.
    """
    rows = [
        SliceRow(name, round(metrics["examples"]), metrics["accuracy"], last_blessed.get(name, {}).get("accuracy"))
        for name, metrics in slices.items()
        if name and "accuracy" in metrics and "examples" in metrics
    ]
    return sorted(rows, key=lambda row: (row.accuracy, -row.examples, row.name))


def list_label_scores(per_label: Mapping[str, Metrics]) -> list[tuple[str, Metrics]]:
    """Each label with its figures, that of the lowest F1 first; of equal ones that of the most examples."""
    return sorted(per_label.items(), key=lambda item: (item[1].get("f1", 0.0), -item[1].get("support", 0.0)))


def is_improvement(metric: str, gain: float) -> bool:
    """Whether a metric got better by changing so much."""
    return gain < 0 if metric in LOWER_IS_BETTER else gain > 0
