"""How the metrics of the network are laid out: against baselines, and by slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diptych.components.report.report_data import Metrics, ReportData
from diptych.models.metrics import LOWER_IS_BETTER, METRICS


@dataclass(frozen=True)
class ComparedModel:
    """A model and its metrics; ``gains`` are the network's metrics minus this model's, empty for the network."""

    name: str
    metrics: Metrics
    gains: Metrics


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
    network = data.decision.metrics
    others = {
        "Last blessed model": data.decision.last_blessed_slices.get("", {}),
        "Linear text baseline": data.linear_baseline,
        "Most frequent label": data.majority_baseline,
    }
    compared = [ComparedModel(name, metrics, _gains(network, metrics)) for name, metrics in others.items() if metrics]
    return [ComparedModel("Network", network, {}), *compared]


def _gains(network: Metrics, other: Metrics) -> Metrics:
    return {name: network[name] - other[name] for name in METRICS if name in network and name in other}


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


def is_improvement(metric: str, gain: float) -> bool:
    """Whether a metric got better by changing so much."""
    return gain < 0 if metric in LOWER_IS_BETTER else gain > 0
