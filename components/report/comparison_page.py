"""Renders the page that compares two runs, A and B."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from markupsafe import Markup

from diptych.components.report import charts
from diptych.components.report.finding_rows import ShownFinding, show_findings
from diptych.components.report.formatting import format_count, format_percent, format_points, metric_title
from diptych.components.report.model_tables import is_improvement
from diptych.components.report.page import make_environment
from diptych.components.report.page_charts import FIRST_CURVES, overlay
from diptych.components.report.report_data import Lineage, Metrics, ReportData
from diptych.components.report.statistics_tables import HASHES
from diptych.models import features
from diptych.models.metrics import METRICS
from diptych.models.natural_order import natural_key

_MAX_LABELS, _MAX_SLICES = 30, 30
_NONE = "–"
# A smaller change of a metric is not called better or worse.
_MIN_CHANGE = 0.0005

T = TypeVar("T")


@dataclass(frozen=True)
class ComparisonRow:
    """A figure of both runs as text, and their difference; ``style`` is the CSS class of the difference."""

    name: str
    a: str
    b: str
    difference: str
    style: str = ""


def render_comparison(first: tuple[str, ReportData], second: tuple[str, ReportData]) -> str:
    """The HTML of the page about two runs, each with its name."""
    (name_a, a), (name_b, b) = first, second
    labels_a, labels_b = (set(run.account.labels) if run.account else set() for run in (a, b))
    template = make_environment().get_template("compare.html")
    return template.render(
        name_a=name_a,
        name_b=name_b,
        overview=list(_compare_overview(a, b)),
        labels_chart=charts.bars({"A": _label_shares(a), "B": _label_shares(b)}, ".0%"),
        labels_only_in_a=sorted(labels_a - labels_b, key=natural_key),
        labels_only_in_b=sorted(labels_b - labels_a, key=natural_key),
        distributions=list(_make_distribution_charts(a, b)),
        unknown_chart=_make_unknown_chart(a, b),
        schema=_compare_schemas(a, b),
        findings={"A": _sorted_findings(a), "B": _sorted_findings(b)},
        curve_charts=_make_curve_charts(a, b),
        f1_chart=_make_f1_chart(a, b),
        slices_chart=_make_slices_chart(a, b),
        versions=_compare_versions(a.lineage, b.lineage),
    )


def _pair_up(a: Mapping[str, T], b: Mapping[str, T]) -> dict[str, tuple[T | None, T | None]]:
    """Each name with its value in both runs; None if a run has no value."""
    return {name: (a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b])}


def _compare_overview(a: ReportData, b: ReportData) -> Iterator[ComparisonRow]:
    for name, counts in _pair_up(_counts(a), _counts(b)).items():
        yield _compare_counts(name, *counts)
    metrics = _pair_up(_network_metrics(a), _network_metrics(b))
    for name in METRICS:
        if name in metrics:
            yield _compare_metric(name, *metrics[name])
    yield ComparisonRow("Blessed", _yes_or_no(a.blessed), _yes_or_no(b.blessed), "")


def _counts(run: ReportData) -> dict[str, int]:
    if run.account is None:
        return {}
    rejects = {f"rejects: {reason}": number for reason, number in run.account.rejects.items()}
    splits = {split: run.account.examples.get(split, 0) for split in features.SPLITS}
    return {"rows": run.account.rows, **splits, "rejects": sum(run.account.rejects.values()), **rejects}


def _network_metrics(run: ReportData) -> Metrics:
    return run.decision.metrics if run.decision else {}


def _compare_counts(name: str, a: int | None, b: int | None) -> ComparisonRow:
    change = (b or 0) - (a or 0)
    difference = f"{change:+,}".replace("-", "−") if change else "0"
    return ComparisonRow(name, format_count(a or 0), format_count(b or 0), difference)


def _compare_metric(name: str, a: float | None, b: float | None) -> ComparisonRow:
    title = metric_title(name)
    if a is None or b is None:
        return ComparisonRow(title, format_percent(a), format_percent(b), _NONE)
    style = "" if abs(b - a) < _MIN_CHANGE else "good-text" if is_improvement(name, b - a) else "bad-text"
    return ComparisonRow(title, format_percent(a), format_percent(b), format_points(b - a), style)


def _yes_or_no(value: bool | None) -> str:
    return _NONE if value is None else "yes" if value else "no"


def _label_shares(run: ReportData) -> dict[str, float]:
    """The most frequent labels of train with their shares of its examples."""
    if run.account is None:
        return {}
    total = run.account.examples.get(features.TRAIN, 0) or 1
    shares = {label: of_label.get(features.TRAIN, 0) / total for label, of_label in run.account.labels.items()}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:_MAX_LABELS])


def _make_distribution_charts(a: ReportData, b: ReportData) -> Iterator[tuple[str, Markup]]:
    """Each feature with its distributions in train of both runs."""
    for feature, (splits_a, splits_b) in _pair_up(a.statistics, b.statistics).items():
        of_a, of_b = (splits.get(features.TRAIN) if splits else None for splits in (splits_a, splits_b))
        if feature == features.LABEL or feature in HASHES or not of_a or not of_b:
            continue
        if chart := overlay({"A": of_a, "B": of_b}, feature):
            yield feature, chart


def _make_unknown_chart(a: ReportData, b: ReportData) -> Markup | None:
    texts_a, texts_b = (run.profile and run.profile.text for run in (a, b))
    if not texts_a or not texts_b:
        return None
    return charts.bars({"A": texts_a.unknown_share, "B": texts_b.unknown_share}, ".0%")


def _compare_schemas(a: ReportData, b: ReportData) -> list[tuple[str, str, str]]:
    """The features that the schemas describe differently, with both descriptions."""
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
            f"{side} {name}": points
            for side, run in (("A", a), ("B", b))
            for name, points in run.training_curves.get(figure, {}).items()
        }
        for figure in FIRST_CURVES
    }
    return [chart for figure in FIRST_CURVES if (chart := charts.curves(joined, figure))]


def _make_f1_chart(a: ReportData, b: ReportData) -> Markup | None:
    if not a.per_label or not b.per_label:
        return None
    labels = list(dict.fromkeys([*a.per_label, *b.per_label]))[:_MAX_LABELS]

    def f1_scores(run: ReportData) -> dict[str, float]:
        return {label: run.per_label.get(label, {}).get("f1", 0.0) for label in labels}

    return charts.bars({"A": f1_scores(a), "B": f1_scores(b)}, ".0%")


def _make_slices_chart(a: ReportData, b: ReportData) -> Markup | None:
    if not a.decision or not b.decision:
        return None
    slices_a, slices_b = a.decision.slices, b.decision.slices
    names = [name for name in slices_a if name and name in slices_b][:_MAX_SLICES]

    def accuracies(slices: Mapping[str, Metrics]) -> dict[str, float]:
        return {name: slices[name].get("accuracy", 0.0) for name in names}

    return charts.bars({"A": accuracies(slices_a), "B": accuracies(slices_b)}, ".0%")


def _compare_versions(a: Lineage, b: Lineage) -> list[tuple[str, str, str]]:
    """Library versions and fingerprints of artifacts."""
    versions = [
        {**lineage.versions, **{f"{made.producer} {made.output}": made.fingerprint[:12] for made in lineage.artifacts}}
        for lineage in (a, b)
    ]
    return [(name, in_a or _NONE, in_b or _NONE) for name, (in_a, in_b) in _pair_up(*versions).items()]
