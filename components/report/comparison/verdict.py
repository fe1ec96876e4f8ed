"""Which of two runs is better, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from diptych.components.report.comparison.compared_run import ComparedRun
from diptych.components.report.comparison.pairing import Pairing, SharedRows, why_not_comparable
from diptych.components.report.formatting import (
    format_number,
    format_percent,
    format_points,
    format_points_range,
    metric_title,
)
from diptych.models.counts import pluralize
from diptych.models.metrics import METRICS


@dataclass(frozen=True)
class ComparisonVerdict:
    """Which run is better, and on what that stands.

    Attributes:
        better: ``none`` if the difference may be chance, ``unknown`` if they cannot be compared.
        title: a few words.
        sentences: first how much better, then on which rows, then what else must be known.
    """

    better: Literal["A", "B", "none", "unknown"]
    title: str
    sentences: Sequence[str]


def judge(a: ComparedRun, b: ComparedRun, shared: SharedRows, pairing: Pairing | None) -> ComparisonVerdict:
    """The verdict about two runs.

    Args:
        pairing: None if ``why_not_comparable`` says why.
    """
    notes = [f"{name} {note}." for name, run in (("A", a), ("B", b)) for note in run.notes]
    if a.weights and a.weights == b.weights:
        notes.insert(0, "The weights of both models are the same.")
    if pairing is None:
        reason = why_not_comparable(a, b, shared)
        return ComparisonVerdict("unknown", "Not comparable", [f"Not comparable: {reason}.", *notes])
    difference = pairing.differences[pairing.metric]
    is_certain = difference.two_sided_p < 1 - pairing.confidence
    better: Literal["A", "B", "none"] = "none" if not is_certain else "B" if difference.value > 0 else "A"
    title = "No difference beyond chance" if better == "none" else f"{better} is better"
    rows = _describe_rows(shared, a.is_pushed or b.is_pushed)
    if shared.reworded:
        rows += f" The descriptions of {shared.reworded:,} of them differ."
    return ComparisonVerdict(better, title, [_describe_difference(pairing), rows, *notes])


def _describe_difference(pairing: Pairing) -> str:
    metric, difference = pairing.metric, pairing.differences[pairing.metric]
    of_a, of_b = (format_percent(each.metrics[metric]) for each in (pairing.a, pairing.b))
    interval = (
        f"{100 * pairing.confidence:g}% interval of the paired difference {format_points_range(difference.interval)}"
    )
    gain = f"{format_points(difference.value)} points ({interval})"
    sentence = f"{metric_title(metric)} {of_b} of B against {of_a} of A: {gain}."
    p = format_number(round(difference.two_sided_p, 4))
    if difference.wins is None:
        return f"{sentence} p {p}."
    rows = f"B alone has {pluralize(difference.wins, 'row')} right, A alone {difference.losses:,}"
    return f"{sentence} {rows} (McNemar's exact test: p {p})."


def _describe_rows(shared: SharedRows, has_pushed: bool) -> str:
    rows = pluralize(len(shared.ids), "row")
    if has_pushed:
        return (
            f"Both predict the {rows} of the run's test split. The pushed model may have been trained on some of them."
        )
    if shared.is_same:
        return f"The test rows are the same: {rows} of equal ids, images and labels."
    others = ", ".join(f"{number:,} {why}" for why, number in shared.left_out.items())
    return f"The test rows differ: {len(shared.ids):,} in both, and measured on those ({others})."


def headline_metrics(pairing: Pairing) -> list[str]:
    """The metrics that the predictions of both tell; micro-F1 only where it says more than the accuracy."""
    left_out = "micro_f1" if pairing.metric == "accuracy" else ""
    return [name for name in METRICS if name in pairing.a.metrics and name != left_out]
