"""Two runs side by side, A and B."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from diptych.components.report import charts
from diptych.components.report.page import (
    better,
    count,
    make_environment,
    metric_name,
    ordered_findings,
    overlaid,
    percent,
    points,
)
from diptych.components.report.report_data import Contents, Lineage
from diptych.models import features
from diptych.models.metrics import METRICS

_LABELS, _SLICES = 30, 30


@dataclass(frozen=True)
class Line:
    """A figure of both runs, in words; ``kind`` is the page's style of the difference."""

    name: str
    a: str
    b: str
    difference: str
    kind: str = ""


def render_comparison(first: tuple[str, Contents], second: tuple[str, Contents]) -> str:
    """The page of two runs, each with its name."""
    (name_a, a), (name_b, b) = first, second
    labels = [run.account.labels if run.account else {} for run in (a, b)]
    return (
        make_environment()
        .get_template("compare.html")
        .render(
            a={"name": name_a},
            b={"name": name_b},
            glance=list(glance(a, b)),
            labels_chart=charts.bars({"A": _shares(a), "B": _shares(b)}, ".0%"),
            lost=sorted(set(labels[0]) - set(labels[1])),
            added=sorted(set(labels[1]) - set(labels[0])),
            distributions=list(_distributions(a, b)),
            unknown_chart=_unknown(a, b),
            schema=schema_differences(a, b),
            findings={"A": _findings(a), "B": _findings(b)},
            curve_charts=_curves(a, b),
            f1_chart=_f1(a, b),
            slices_chart=_slices(a, b),
            versions=_versions(a.lineage, b.lineage),
        )
    )


def glance(a: Contents, b: Contents) -> Iterable[Line]:
    """Rows, splits, rejects and metrics."""
    yield from (_numbers(name, *pair) for name, pair in _both(_counts(a), _counts(b)).items())
    figures = _both(_metrics(a), _metrics(b))
    yield from (_share(name, *figures[name]) for name in METRICS if name in figures)
    yield Line("Blessed", _yes(a.blessed), _yes(b.blessed), "")


def _counts(run: Contents) -> dict[str, float]:
    if run.account is None:
        return {}
    rejects = {f"rejects: {reason}": number for reason, number in run.account.rejects.items()}
    splits = {split: run.account.examples.get(split, 0) for split in features.SPLITS}
    return {"rows": run.account.rows, **splits, "rejects": sum(run.account.rejects.values()), **rejects}


def _metrics(run: Contents) -> dict[str, float]:
    return run.decision.metrics if run.decision else {}


def _both(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Each name's two values, None where a run has none."""
    return {name: (a.get(name), b.get(name)) for name in dict.fromkeys([*a, *b])}


def _numbers(name: str, a: float | None, b: float | None) -> Line:
    # Of what is counted, a run that has none of it has 0.
    change = round((b or 0) - (a or 0))
    difference = f"{change:+,}".replace("-", "−") if change else "0"
    return Line(name, count(a or 0), count(b or 0), difference)


def _share(name: str, a: float | None, b: float | None) -> Line:
    if a is None or b is None:
        return Line(metric_name(name), percent(a), percent(b), "–")
    kind = "" if abs(b - a) < 0.0005 else "good-text" if better(name, b - a) else "bad-text"
    return Line(metric_name(name), percent(a), percent(b), points(b - a), kind)


def _yes(value: bool | None) -> str:
    return "–" if value is None else "yes" if value else "no"


def _shares(run: Contents) -> dict[str, float]:
    if run.account is None:
        return {}
    total = run.account.examples.get(features.TRAIN, 0) or 1
    counts = {label: of_label.get(features.TRAIN, 0) / total for label, of_label in run.account.labels.items()}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_LABELS])


def _distributions(a: Contents, b: Contents) -> Iterable[tuple[str, Markup]]:
    for feature, (first, second) in _both(a.statistics, b.statistics).items():
        of_a, of_b = (some.get(features.TRAIN) if some else None for some in (first, second))
        if feature in (features.LABEL, features.SHA256, features.PHASH) or not of_a or not of_b:
            continue
        if chart := overlaid({"A": of_a, "B": of_b}, feature):
            yield feature, chart


def _unknown(a: Contents, b: Contents) -> Markup | None:
    if not a.facts or not b.facts:
        return None
    return charts.bars({"A": a.facts.text.unknown, "B": b.facts.text.unknown}, ".0%")


def schema_differences(a: Contents, b: Contents) -> list[tuple[str, str, str]]:
    """Feature and its two descriptions, where they are unlike; a feature that is not there is ``–``."""
    described = [
        {row.feature: ", ".join((row.type, row.presence, row.values, row.domain)) for row in run.schema}
        for run in (a, b)
    ]
    pairs = _both(*described).items()
    return [(feature, first or "–", second or "–") for feature, (first, second) in pairs if first != second]


def _findings(run: Contents) -> list[Any]:
    return ordered_findings(run.verdict.findings) if run.verdict else []


def _curves(a: Contents, b: Contents) -> list[Markup]:
    joined = {
        figure: {
            f"{side} {name}": points_
            for side, run in (("A", a), ("B", b))
            for name, points_ in run.curves.get(figure, {}).items()
        }
        for figure in dict.fromkeys([*a.curves, *b.curves])
    }
    return [chart for figure in ("loss", "accuracy") if (chart := charts.curves(joined, figure))]


def _f1(a: Contents, b: Contents) -> Markup | None:
    if not a.per_label or not b.per_label:
        return None
    labels = list(dict.fromkeys([*a.per_label, *b.per_label]))[:_LABELS]
    sides = {"A": a, "B": b}
    return charts.bars(
        {s: {label: run.per_label.get(label, {}).get("f1", 0.0) for label in labels} for s, run in sides.items()}, ".0%"
    )


def _slices(a: Contents, b: Contents) -> Markup | None:
    if not a.decision or not b.decision:
        return None
    names = [name for name in a.decision.slices if name and name in b.decision.slices][:_SLICES]
    sides = {"A": a.decision, "B": b.decision}
    return charts.bars(
        {s: {name: d.slices[name].get("accuracy", 0.0) for name in names} for s, d in sides.items()}, ".0%"
    )


def _versions(a: Lineage, b: Lineage) -> list[tuple[str, str, str]]:
    prints = [{f"{p.producer} {p.output}": p.fingerprint[:12] for p in lineage.products} for lineage in (a, b)]
    pairs = _both({**a.versions, **prints[0]}, {**b.versions, **prints[1]})
    return [(name, first or "–", second or "–") for name, (first, second) in pairs.items()]
