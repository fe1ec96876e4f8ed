"""Renders the page that compares two runs, A and B: what differs comes first, and what is equal is folded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from markupsafe import Markup

from diptych.components.report import charts
from diptych.components.report.comparison.comparison import MAX_PICTURES, Comparison
from diptych.components.report.comparison.pairing import ChangedPrediction, LabelChange, Pairing
from diptych.components.report.comparison.verdict import headline_metrics
from diptych.components.report.finding_rows import ShownFinding, show_findings
from diptych.components.report.formatting import format_count, metric_title
from diptych.components.report.page import make_environment
from diptych.components.report.page_charts import FIRST_CURVES, overlay
from diptych.components.report.report_data import Account, Metrics, ReportData, Thumbnail
from diptych.components.report.statistics_tables import HASHES
from diptych.models import features
from diptych.models.metrics import LOWER_IS_BETTER, METRICS, shown_metrics
from diptych.models.statistics.intervals import NO_DEVIATION

_MAX_LABELS, _MAX_SLICES, _MAX_IDS = 30, 30, 6
_NONE = "–"
# Of the series of training curves: the legend has room for four.
_SHORT_NAMES = {"validation": "val"}

T = TypeVar("T")
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """A metric of a run with its interval, None if it is unknown."""

    value: float
    interval: Bounds | None = None


@dataclass(frozen=True)
class MetricRow:
    """A metric of both runs, and what B has more; ``style`` is the CSS class of the difference.

    Attributes:
        interval: of the difference, if the rows are the same.
    """

    title: str
    a: Figure | None
    b: Figure | None
    difference: float | None
    interval: Bounds | None = None
    style: str = ""


@dataclass(frozen=True)
class CountRow:
    """A number of both runs as text, and what B has more."""

    name: str
    a: str
    b: str
    difference: str


@dataclass(frozen=True)
class PicturedRow:
    """A row whose prediction, or whose label, is another, with its picture."""

    id: str
    title: str
    a: str
    b: str
    picture: Thumbnail | None


@dataclass(frozen=True)
class ChangedRows:
    """Rows that changed in the same way, of which some are shown; ``style`` is the CSS class of what is right."""

    title: str
    count: int
    rows: Sequence[PicturedRow] = field(default_factory=list)
    styles: tuple[str, str] = ("", "")


def render_comparison(comparison: Comparison, pictures: Mapping[str, Thumbnail] | None = None) -> str:
    """The HTML of the page.

    Args:
        pictures: id of a row to its picture.
    """
    a, b = comparison.a.data, comparison.b.data
    pairing, shown = comparison.pairing, pictures or {}
    counts = list(_compare_counts(a, b))
    paired = list(_paired_metrics(pairing)) if pairing else []
    changed_labels = [label for label in pairing.labels if _is_changed(label)] if pairing else []
    return (
        make_environment()
        .get_template("compare.html")
        .render(
            comparison=comparison,
            pairing=pairing,
            paired_metrics=paired,
            widest_difference=max((abs(bound) for row in paired for bound in row.interval or ()), default=1.0) or 1.0,
            other_metrics=list(_other_metrics(comparison)),
            changed_rows=list(_list_changed_rows(pairing, shown)) if pairing else [],
            labels=changed_labels[:_MAX_LABELS],
            labels_left_out=max(0, len(changed_labels) - _MAX_LABELS),
            equal_labels=[label for label in pairing.labels if not _is_changed(label)] if pairing else [],
            relabelled=_list_relabelled(comparison, shown),
            max_ids=_MAX_IDS,
            counts=[row for row in counts if row.difference != "0"],
            equal_counts=[row for row in counts if row.difference == "0"],
            labels_chart=charts.bars({"A": _label_shares(a), "B": _label_shares(b)}, ".0%"),
            distributions=list(_make_distribution_charts(a, b)),
            has_schemas=bool(a.schema and b.schema),
            schema=_compare_schemas(a, b),
            findings={"A": _sorted_findings(a), "B": _sorted_findings(b)},
            curve_charts=_make_curve_charts(a, b),
            slices_chart=_make_slices_chart(a, b),
        )
    )


def _paired_metrics(pairing: Pairing) -> Iterator[MetricRow]:
    for name in headline_metrics(pairing):
        difference = pairing.differences[name]
        certain = difference.two_sided_p < 1 - pairing.confidence
        a, b = (Figure(each.metrics[name], each.intervals.get(name)) for each in (pairing.a, pairing.b))
        style = _style(name, difference.value) if certain else "soft"
        # Where no resample differs, nothing is known of the interval.
        interval = difference.interval if difference.deviation > NO_DEVIATION else None
        yield MetricRow(metric_title(name), a, b, difference.value, interval, style)


def _other_metrics(comparison: Comparison) -> Iterator[MetricRow]:
    """The metrics of each run on its own test rows that the rows of both do not tell."""
    decisions = [run.data.decision for run in (comparison.a, comparison.b)]
    told = headline_metrics(comparison.pairing) if comparison.pairing else []
    known = [name for name in METRICS for each in decisions if each and name in shown_metrics(each.metrics)]
    for name in dict.fromkeys(known):
        if name in told and (comparison.pairing and comparison.pairing.shared.is_same):
            continue
        a, b = (
            Figure(each.metrics[name], each.intervals.get(name)) if each and name in each.metrics else None
            for each in decisions
        )
        yield MetricRow(metric_title(name), a, b, b.value - a.value if a and b else None, None, "soft")


def _style(metric: str, difference: float) -> str:
    return "good-text" if (difference < 0) == (metric in LOWER_IS_BETTER) else "bad-text"


def _is_changed(label: LabelChange) -> bool:
    return bool(label.wins or label.losses)


def _list_changed_rows(pairing: Pairing, pictures: Mapping[str, Thumbnail]) -> Iterator[ChangedRows]:
    for title, changes, styles in (
        ("A wrong, B right", pairing.gained, ("bad-text", "good-text")),
        ("A right, B wrong", pairing.lost, ("good-text", "bad-text")),
    ):
        shown = [_picture_prediction(change, pictures) for change in islice(changes, MAX_PICTURES)]
        yield ChangedRows(title, len(changes), shown, styles)


def _picture_prediction(change: ChangedPrediction, pictures: Mapping[str, Thumbnail]) -> PicturedRow:
    labels, a, b = (", ".join(names) or "no label" for names in (change.row.labels, change.a, change.b))
    return PicturedRow(change.id, labels, a, b, pictures.get(change.id))


def _list_relabelled(comparison: Comparison, pictures: Mapping[str, Thumbnail]) -> ChangedRows | None:
    change = next((each for each in comparison.data.changes if each.is_of_labels), None)
    if change is None:
        return None
    rows = [
        PicturedRow(row_id, "", *change.details[row_id], pictures.get(row_id)) for row_id in change.ids[:MAX_PICTURES]
    ]
    return ChangedRows("another label", len(change.ids), rows)


def _pair_up(a: Mapping[str, T], b: Mapping[str, T]) -> dict[str, tuple[T | None, T | None]]:
    """Each name with its value in both runs; None if a run has no value."""
    return {name: (a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b])}


def _compare_counts(a: ReportData, b: ReportData) -> Iterator[CountRow]:
    if a.account is None or b.account is None:
        return
    for name, (of_a, of_b) in _pair_up(_counts(a.account), _counts(b.account)).items():
        change = (of_b or 0) - (of_a or 0)
        difference = f"{change:+,}".replace("-", "−") if change else "0"
        yield CountRow(name, format_count(of_a or 0), format_count(of_b or 0), difference)


def _counts(account: Account) -> dict[str, int]:
    rejects = {f"rejects: {reason}": number for reason, number in account.rejects.items()}
    splits = {split: account.examples.get(split, 0) for split in features.SPLITS}
    return {"rows": account.rows, **splits, "rejects": sum(account.rejects.values()), **rejects}


def _label_shares(run: ReportData) -> dict[str, float]:
    """The most frequent labels of train with their shares of its examples."""
    if run.account is None:
        return {}
    total = run.account.examples.get(features.TRAIN, 0) or 1
    shares = {label: of_label.get(features.TRAIN, 0) / total for label, of_label in run.account.labels.items()}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:_MAX_LABELS])


def _make_distribution_charts(a: ReportData, b: ReportData) -> Iterator[tuple[str, Markup]]:
    """Each feature whose statistics in train differ, with its distributions in both runs."""
    for feature, (splits_a, splits_b) in _pair_up(a.statistics, b.statistics).items():
        of_a, of_b = (splits.get(features.TRAIN) if splits else None for splits in (splits_a, splits_b))
        if feature == features.LABEL or feature in HASHES or not of_a or not of_b or of_a == of_b:
            continue
        if chart := overlay({"A": of_a, "B": of_b}, feature):
            yield feature, chart


def _compare_schemas(a: ReportData, b: ReportData) -> list[tuple[str, str, str]]:
    """The features that two schemas describe differently, with both descriptions; none without two schemas."""
    if not a.schema or not b.schema:
        return []
    descriptions = [
        {row.feature: ", ".join((row.type, row.presence, row.values, row.domain)) for row in run.schema}
        for run in (a, b)
    ]
    pairs = _pair_up(*descriptions).items()
    return [(feature, in_a or _NONE, in_b or _NONE) for feature, (in_a, in_b) in pairs if in_a != in_b]


def _sorted_findings(run: ReportData) -> list[ShownFinding]:
    return show_findings(run.verdict.findings, {}) if run.verdict else []


def _make_curve_charts(a: ReportData, b: ReportData) -> list[Markup]:
    joined = {
        figure: {
            f"{side} {_SHORT_NAMES.get(name, name)}": points
            for side, run in (("A", a), ("B", b))
            for name, points in run.training_curves.get(figure, {}).items()
        }
        for figure in FIRST_CURVES
    }
    return [chart for figure in FIRST_CURVES if (chart := charts.curves(joined, figure))]


def _make_slices_chart(a: ReportData, b: ReportData) -> Markup | None:
    if not a.decision or not b.decision:
        return None
    slices_a, slices_b = a.decision.slices, b.decision.slices
    names = [name for name in slices_a if name and name in slices_b][:_MAX_SLICES]

    def accuracies(slices: Mapping[str, Metrics]) -> dict[str, float]:
        return {name: slices[name].get("accuracy", 0.0) for name in names}

    return charts.bars({"A": accuracies(slices_a), "B": accuracies(slices_b)}, ".0%")
