"""What the runs on a dataset reached: the network beside the linear models, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from benchmarks.tools import print_table
from diptych.components.artifacts import baseline_name
from diptych.components.evaluator.options import JUDGED_METRICS
from diptych.models.labels import Task

_NETWORK = "network"
_BASELINES = ("image", "text", "both")
#: Metric to the ends of its interval.
Intervals = Mapping[str, Sequence[float]]

#: By how much the network may be below the best linear model and still be no worse.
_TOLERANCE = 0.005


@dataclass(frozen=True)
class Run:
    """What one run of the pipeline reached.

    Attributes:
        rows: in the catalogue.
        classes: number of labels that an example has.
        wall: seconds of ``diptych init`` and ``diptych run``.
        trainer: seconds of Trainer.
        models: the network and each linear model to its figures on the test split.
        intervals: figures of the network to the ends of their intervals.
        differences: each linear model to the intervals of how far the network's figures are above its own on the same
            rows.
    """

    task: Task
    rows: int
    classes: int
    wall: float
    trainer: float
    blessed: bool
    models: dict[str, dict[str, float]]
    intervals: Intervals
    differences: dict[str, Intervals]

    def describe(self) -> str:
        """One line."""
        judged = JUDGED_METRICS[self.task]
        figures = (f"{name} {_join(values[metric] for metric in judged)}" for name, values in self.models.items())
        blessed = "blessed" if self.blessed else "not blessed"
        return f"{' / '.join(judged)}: {', '.join(figures)}; {blessed}, {self.wall:.0f} s"


def to_run(summary: Mapping[str, Any], task: Task, wall: float) -> Run:
    """What a run reached, by its ``summary.json``.

    Args:
        wall: seconds that it took.
    """
    return Run(
        task=task,
        rows=summary["rows"],
        classes=len(summary["labels"]),
        wall=wall,
        trainer=summary["seconds"]["Trainer"],
        blessed=summary["blessed"],
        models={_NETWORK: summary["metrics"], **summary["baseline"]},
        intervals=summary["intervals"],
        differences={
            name: summary["comparisons"][baseline_name(name)]["difference_intervals"] for name in summary["baseline"]
        },
    )


@dataclass(frozen=True)
class Results:
    """The runs on one dataset, one for each seed.

    Attributes:
        about: what the dataset's pictures, texts and labels are.
    """

    dataset: str
    about: str
    runs: Sequence[Run]

    @property
    def metrics(self) -> Sequence[str]:
        """The metrics by which its models are judged."""
        return JUDGED_METRICS[self.runs[0].task]

    @property
    def models(self) -> Sequence[str]:
        """The network, and the linear models that every run has."""
        return [name for name in (_NETWORK, *_BASELINES) if all(name in run.models for run in self.runs)]

    def figures(self, model: str, metric: str) -> list[float]:
        """The figure of each seed."""
        return [run.models[model][metric] for run in self.runs]

    def mean(self, model: str, metric: str) -> float:
        """The mean of the seeds."""
        return mean(self.figures(model, metric))

    def best_linear(self, metric: str) -> str:
        """The best linear model in the mean of the seeds."""
        _, *linear = self.models
        return max(linear, key=lambda model: self.mean(model, metric))

    def margin(self, metric: str) -> float:
        """By how much the network is above the best linear model in the mean of the seeds."""
        return self.mean(_NETWORK, metric) - self.mean(self.best_linear(metric), metric)

    @property
    def is_no_worse(self) -> bool:
        """Whether the network is at least as good as the best linear model by every metric, but for the tolerance."""
        return all(self.margin(metric) >= -_TOLERANCE for metric in self.metrics)

    def uncertainty(self, metric: str) -> float:
        """How far the network's figure of one run may be off: half of its interval, in the mean of the seeds."""
        return _half_width(run.intervals[metric] for run in self.runs)

    def margin_uncertainty(self, metric: str) -> float:
        """How far one run's difference to the best linear model may be off: the same of this difference."""
        best = self.best_linear(metric)
        return _half_width(run.differences[best][metric] for run in self.runs)

    def show(self) -> None:
        """Prints a line for each model."""
        rows: list[tuple[Any, ...]] = [
            (model, *(_spread(self.figures(model, metric)) for metric in self.metrics)) for model in self.models
        ]
        rows.append((f"{_NETWORK}, one run", *(f"± {self.uncertainty(metric):.4f}" for metric in self.metrics)))
        rows.append(("above the best linear", *(f"{self.margin(metric):+.4f}" for metric in self.metrics)))
        rows.append(("this, one run", *(f"± {self.margin_uncertainty(metric):.4f}" for metric in self.metrics)))
        title = (
            f"{self.dataset}: {self._size}; {self._seconds} s in all (in Trainer); test figures, {len(self.runs)} seeds"
        )
        print_table(title, ("model", *self.metrics), rows)

    def markdown_cells(self) -> Sequence[str]:
        """The cells of a line of the documentation's table."""
        network = " / ".join(
            f"{self.mean(_NETWORK, metric):.3f} ± {self.uncertainty(metric):.3f}" for metric in self.metrics
        )
        margins = (f"{self.margin(metric):+.3f} ± {self.margin_uncertainty(metric):.3f}" for metric in self.metrics)
        return (
            f"{self.dataset}: {self.about}",
            self._size,
            self._seconds,
            " / ".join(self.metrics),
            f"**{network}**" if self.is_no_worse else network,
            *(self._means(model) if model in self.models else "" for model in _BASELINES),
            " / ".join(margins),
        )

    def _means(self, model: str) -> str:
        return _join(self.mean(model, metric) for metric in self.metrics)

    @property
    def _size(self) -> str:
        return f"{self.runs[0].rows:,} rows, {self.runs[0].classes} labels"

    @property
    def _seconds(self) -> str:
        return f"{mean(run.wall for run in self.runs):.0f} ({mean(run.trainer for run in self.runs):.0f})"


def to_markdown(results: Sequence[Results]) -> str:
    """The table of the documentation, a line for each dataset; a network that is no worse is bold."""
    linear = (f"linear, {name}" for name in _BASELINES)
    heads = ("catalogue", "size", "seconds (Trainer)", "test figures", _NETWORK, *linear, "above the best linear")
    lines = [heads, ["---"] * len(heads), *(found.markdown_cells() for found in results)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _half_width(intervals: Iterable[Sequence[float]]) -> float:
    return mean((high - low) / 2 for low, high in intervals)


def _spread(figures: Sequence[float]) -> str:
    return f"{mean(figures):.4f} ({min(figures):.4f} to {max(figures):.4f})"


def _join(figures: Iterable[float]) -> str:
    return " / ".join(f"{figure:.3f}" for figure in figures)
