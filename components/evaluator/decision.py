"""Whether a model is blessed, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diptych.components.evaluator.criteria import (
    Criterion,
    CriterionResult,
    SliceCriterion,
    ThresholdCriterion,
)
from diptych.components.evaluator.options import JUDGED_METRICS
from diptych.models.counts import pluralize
from diptych.models.labels import Task
from diptych.models.statistics.comparison import Difference, MeasuredModel, measure_models
from diptych.models.statistics.intervals import Interval
from diptych.models.statistics.row_predictions import RowPredictions, label_names

# With fewer rows, or a wider interval of the headline metric, it is said what so few rows can tell.
_FEW_ROWS, _WIDE = 100, 0.05

#: Slice (``""`` is the whole test split, else ``feature=value``) to metric to value.
SliceMetrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Evidence:
    """What a decision is taken from.

    Attributes:
        slices: the model's metrics.
        predictions: the model's, for every row of test.
        intervals: of the model's metrics on the whole split.
        others: name to what is known of each model that this one is compared with.
    """

    task: Task
    slices: SliceMetrics
    predictions: RowPredictions
    intervals: Mapping[str, Interval]
    others: Mapping[str, MeasuredModel] = field(default_factory=dict)


@dataclass(frozen=True)
class OtherModel:
    """A model to compare with: its metrics on the whole split, and its predictions, None if they are unknown."""

    metrics: Mapping[str, float]
    predictions: RowPredictions | None = None


def gather_evidence(
    task: Task,
    slices: SliceMetrics,
    predictions: RowPredictions,
    others: Mapping[str, OtherModel],
    confidence: float,
) -> Evidence:
    """Measures a model and those that it is compared with on the same rows.

    Args:
        slices: the model's metrics.
        predictions: the model's, for every row of test.
        others: name to each other model. Predictions for other rows count as unknown.
        confidence: of the intervals.
    """
    same = {
        name: other.predictions
        for name, other in others.items()
        if other.predictions is not None and list(other.predictions.ids) == list(predictions.ids)
    }
    own, *measured = measure_models([predictions, *same.values()], confidence)
    known = dict(zip(same, measured, strict=True))
    compared = {
        name: MeasuredModel({**other.metrics, **known[name].metrics}, known[name].intervals, known[name].differences)
        if name in known
        else MeasuredModel(other.metrics, {}, {})
        for name, other in others.items()
    }
    return Evidence(task, slices, predictions, own.intervals, compared)


def decide(evidence: Evidence, criteria: Sequence[Criterion]) -> dict[str, Any]:
    """The decision and its reasons: what failed, or all that was asked if the model is blessed.

    Returns:
        ``blessed`` and ``reasons``; ``metrics`` and ``intervals`` of the model on the whole test split; and, of each
        model that it is compared with, ``comparisons``: ``metrics``, ``intervals``, ``differences`` and their
        ``difference_intervals``.
    """
    results = [result for criterion in criteria for result in _evaluate(criterion, evidence)]
    results += [CriterionResult(False, reason) for reason in _find_sameness(evidence.predictions)]
    blessed = all(result.met for result in results)
    reasons = [result.reason for result in results if result.met == blessed]
    return {
        "metrics": evidence.slices[""],
        "intervals": evidence.intervals,
        "blessed": blessed,
        "reasons": reasons or ["no criterion is set in evaluate"],
        "comparisons": {name: _as_comparison(other) for name, other in evidence.others.items()},
    }


def _as_comparison(other: MeasuredModel) -> dict[str, Any]:
    return {
        "metrics": other.metrics,
        "intervals": other.intervals,
        "differences": {metric: difference.value for metric, difference in other.differences.items()},
        "difference_intervals": {metric: difference.interval for metric, difference in other.differences.items()},
    }


def _evaluate(criterion: Criterion, evidence: Evidence) -> Iterator[CriterionResult]:
    if isinstance(criterion, SliceCriterion):
        yield from _evaluate_slices(criterion, evidence.slices)
        return
    metric = criterion.metric
    figure = evidence.slices[""][metric]
    if isinstance(criterion, ThresholdCriterion):
        yield criterion.evaluate(figure, evidence.intervals.get(metric))
        return
    other = evidence.others[criterion.other]
    if metric not in other.metrics:
        yield CriterionResult(False, f"the {criterion.other} has no {metric} to compare with ({criterion.source})")
        return
    yield criterion.evaluate(figure, other.metrics[metric], other.differences.get(metric))


def _evaluate_slices(criterion: SliceCriterion, slices: SliceMetrics) -> Iterator[CriterionResult]:
    """A result for each slice that does not meet the criterion; a single one if all do."""
    threshold = criterion.threshold
    evaluated = failed = 0
    for feature in criterion.features:
        of_feature = {name: metrics for name, metrics in slices.items() if name.startswith(f"{feature}=")}
        if not of_feature:
            failed += 1
            yield CriterionResult(False, f"no example of the test split has '{feature}' ({threshold.source})")
        for name, metrics in sorted(of_feature.items()):
            if metrics["examples"] < criterion.min_examples:
                continue
            evaluated += 1
            result = threshold.evaluate(metrics[threshold.metric])
            if not result.met:
                failed += 1
                size = pluralize(int(metrics["examples"]), "example")
                yield CriterionResult(False, f"{name}, {size}: {result.reason}")
    if not failed:
        size = pluralize(criterion.min_examples, "example")
        which = f"{'the' if evaluated == 1 else 'all'} {pluralize(evaluated, 'slice')} of at least {size}"
        reason = f"{threshold.metric} meets {threshold.threshold:.4f} on {which} ({threshold.source})"
        yield CriterionResult(True, reason)


def _find_sameness(predictions: RowPredictions) -> Iterator[str]:
    """Why a model that predicts the same for every row is never blessed; nothing if rows have all the same labels."""
    actual = {tuple(names) for names in label_names(predictions.actual, predictions.labels)}
    predicted = {tuple(names) for names in label_names(predictions.predicted, predictions.labels)}
    if len(predicted) == 1 and len(actual | predicted) > 1:
        (same,) = predicted
        named = " and ".join(f"'{label}'" for label in same) or "no label"
        yield f"it predicts {named} for each of the {pluralize(len(predictions.ids), 'row')} of test, whatever is in it"


def find_few_rows(evidence: Evidence) -> str | None:
    """What so few rows can tell; None if they are many enough."""
    headline = JUDGED_METRICS[evidence.task][0]
    interval, rows = evidence.intervals[headline], len(evidence.predictions.ids)
    if rows >= _FEW_ROWS and interval.half_width <= _WIDE:
        return None
    text = (
        f"test has {pluralize(rows, 'row')}: {headline} may be anything from {interval.low:.2f} to {interval.high:.2f}"
    )
    if closest := _closest(evidence, headline):
        name, difference = closest
        text += (
            f", and a gain of less than {difference.interval.half_width:.2f} over the {name} cannot be told from chance"
        )
    return text


def _closest(evidence: Evidence, metric: str) -> tuple[str, Difference] | None:
    """The best other model whose rows are known, and what this one has more."""
    known = {name: other for name, other in evidence.others.items() if metric in other.differences}
    if not known:
        return None
    name = max(known, key=lambda each: known[each].metrics[metric])
    return name, known[name].differences[metric]
