"""The page: plain data in, HTML out. It loads nothing and runs no script; the templates escape all text."""

from __future__ import annotations

import base64
import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from diptych.components.report import charts
from diptych.components.report.lineage import draw
from diptych.components.report.report_data import Contents, FeatureStatistics, Finding, Metrics, RejectedRow, RowFacts
from diptych.models import features
from diptych.models.metrics import LOWER_IS_BETTER, METRICS

_VALUES_SHOWN = 5
_LABELS_SHOWN = 40
_LABELS_CONFUSED = 30
_SLICES_SHOWN = 60
_REJECTS_PER_REASON = 20
# Of characters, before they are encoded: the whole page is to stay below 5 MB.
_CSV_CHARACTERS = 700_000
# A spreadsheet would run what begins so (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NONE = "–"

#: Values that stand for an image: neither their size nor their spelling says anything.
_OPAQUE = frozenset({features.SHA256, features.PHASH})

FeaturesStatistics = Mapping[str, Mapping[str, FeatureStatistics]]


@dataclass(frozen=True)
class Hint:
    """Something to look at first: whether it is ``bad`` or worth a ``warn``, and the section that tells more."""

    kind: str
    text: str
    section: str


@dataclass(frozen=True)
class NumericCard:
    """A numeric feature: its splits drawn over each other.

    Attributes:
        figures: name of a figure to its value in each split.
    """

    feature: str
    splits: Mapping[str, FeatureStatistics]
    figures: Mapping[str, Sequence[float]]
    chart: Markup | None


@dataclass(frozen=True)
class CountedRow:
    """A value and how often it occurs in each split; None where it is not known."""

    value: str
    counts: Mapping[str, int | None]


@dataclass(frozen=True)
class Shares:
    """How the records of each split fall on the values of a bytes feature.

    Attributes:
        most: the largest share of a value in a split, which a whole bar stands for.
        left: number of values that are not among the rows.
    """

    feature: str
    splits: Mapping[str, FeatureStatistics]
    rows: Sequence[CountedRow]
    most: float
    left: int

    def share(self, row: CountedRow, split: str) -> float:
        """Of the split's records, those that hold the row's value."""
        return (row.counts[split] or 0) / (self.splits[split].count or 1)


@dataclass(frozen=True)
class PlainRow:
    """A feature that a figure would say nothing about, and why."""

    feature: str
    splits: Mapping[str, FeatureStatistics]
    note: str


@dataclass(frozen=True)
class Model:
    """One line of the comparison; ``gains`` are the network's over this model, in the metric's own unit."""

    name: str
    metrics: Metrics
    gains: Metrics


@dataclass(frozen=True)
class SliceRow:
    """A slice of the test split; accuracies are shares of one, None where that model has no such slice."""

    name: str
    examples: int
    accuracy: float
    last_blessed: float | None


@dataclass(frozen=True)
class RejectGroup:
    """The rejects of one reason: how many, and the first of them with their places among all."""

    reason: str
    count: int
    rows: Sequence[tuple[int, RejectedRow]]


def make_environment() -> Environment:
    """Jinja's environment of the templates: all text is escaped, and a name that is not there is an error."""
    loader = PackageLoader("diptych.components.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        count=count,
        many=many,
        figure=figure,
        percent=percent,
        points=points,
        cut=cut,
        base64=_base64,
        metric=metric_name,
    )
    environment.tests["gain_of"] = lambda gain, metric: better(metric, gain)
    return environment


def render(contents: Contents) -> str:
    """The whole page."""
    statistics = contents.statistics
    plain = plain_rows(statistics)
    drawn = {feature: splits for feature, splits in statistics.items() if feature not in {row.feature for row in plain}}
    numeric = {feature: splits for feature, splits in drawn.items() if any(s.numbers for s in splits.values())}
    decision = contents.decision
    slices = slice_rows(decision.slices, decision.last_blessed_slices) if decision else []
    account = contents.account
    return (
        make_environment()
        .get_template("report.html")
        .render(
            c=contents,
            hints=look_first(contents),
            splits=[split for split in features.SPLITS if account and split in account.examples],
            examples=sum(account.examples.values()) if account else 0,
            rejected=sum(account.rejects.values()) if account else 0,
            reject_groups=reject_groups(account.rejects, contents.rejects) if account else [],
            rejects_csv=rejects_csv(contents.rejects),
            findings=ordered_findings(contents.verdict.findings if contents.verdict else []),
            numeric=[numeric_card(feature, splits) for feature, splits in numeric.items()],
            texts=[
                shares(f, splits, _VALUES_SHOWN) for f, splits in drawn.items() if f not in (*numeric, features.LABEL)
            ],
            plain=plain,
            drift=drift_charts(contents),
            labels=label_shares(account.labels, account.examples) if account else None,
            models=compared_models(contents),
            metric_names=[name for name in METRICS if decision and name in decision.metrics],
            slices=slices[:_SLICES_SHOWN],
            slices_left=len(slices) - _SLICES_SHOWN,
            drawing=draw(contents.lineage.upstream),
            **row_charts(contents.facts),
            **model_charts(contents),
        )
    )


def row_charts(facts: RowFacts | None) -> dict[str, Any]:
    """The charts of sizes and texts, by the name that the template knows them by."""
    if facts is None:
        return {}
    text = facts.text
    scripts = {split: dict(list(found.items())[:8]) for split, found in text.scripts.items()}
    return {
        "sizes_chart": charts.sizes(facts.sizes),
        "formats_chart": charts.bars(facts.formats),
        "lengths_chart": charts.histograms(text.lengths, "characters"),
        "tokens_chart": charts.bars({features.TRAIN: text.tokens.get(features.TRAIN, {})}),
        "scripts_chart": charts.bars(scripts, ".0%"),
        "unknown_chart": charts.bars({"terms": dict(text.unknown)}, ".0%"),
    }


def model_charts(contents: Contents) -> dict[str, Any]:
    """The charts of the model, by the name that the template knows them by."""
    per_label = dict(list(contents.per_label.items())[:_LABELS_SHOWN])
    figures = ("precision", "recall", "f1")
    order = ("loss", "accuracy")
    curves = sorted(contents.curves, key=lambda name: (order.index(name) if name in order else len(order), name))
    return {
        "curve_charts": [chart for name in curves if (chart := charts.curves(contents.curves, name))],
        "confusion_chart": charts.confusion(contents.confusion, confused_labels(contents.confusion)),
        "per_label_chart": charts.bars(
            {name: {label: figures_[name] for label, figures_ in per_label.items()} for name in figures}, ".0%"
        )
        if per_label
        else None,
        "calibration_chart": charts.calibration(contents.scored.calibration) if contents.scored else None,
    }


def look_first(contents: Contents) -> list[Hint]:
    """What a person should look at first, worst first; nothing if nothing is odd."""
    hints = [Hint("bad", contents.failure, "glance")] if contents.failure else []
    findings = contents.verdict.findings if contents.verdict else []
    for severity, kind, verb in (("stop", "bad", "to stop the run"), ("warn", "warn", "to look at")):
        if some := [finding for finding in findings if finding.severity == severity]:
            rules = ", ".join(dict.fromkeys(finding.rule for finding in some))
            hints.append(Hint(kind, f"{many(len(some), 'finding')} of the data gate {verb}: {rules}", "schema"))
    hints += [*_hints_of_rows(contents), *_hints_of_model(contents)]
    return sorted(hints, key=lambda hint: hint.kind != "bad")


def _hints_of_rows(contents: Contents) -> Iterable[Hint]:
    if contents.account and (rejected := sum(contents.account.rejects.values())):
        most = max(contents.account.rejects.items(), key=lambda item: item[1])
        share = percent(rejected / contents.account.rows)
        yield Hint("warn", f"{many(rejected, 'row')} ({share}) rejected, most for {most[0]}", "rejects")
    for kind in contents.facts.duplicates if contents.facts else ():
        if kind.across:
            what = "equal" if kind.kind == "exact" else "nearly equal"
            level = "bad" if kind.kind == "exact" else "warn"
            yield Hint(level, f"{many(kind.across, 'group')} of {what} images in several splits", "duplicates")
    groups = contents.facts.groups if contents.facts else None
    if groups and groups.parted:
        yield Hint("bad", f"groups are parted by the splits: {', '.join(groups.parted[:3])}", "labels")


def _hints_of_model(contents: Contents) -> Iterable[Hint]:
    if contents.decision and contents.blessed is False:
        yield from (Hint("bad", reason, "model") for reason in contents.decision.reasons)
    figures = {label: each for label, each in contents.per_label.items() if each.get("support", 0) > 0}
    if figures:
        label, worst = min(figures.items(), key=lambda item: (item[1]["f1"], -item[1]["support"]))
        if worst["f1"] < 0.8:
            yield Hint("warn", f"label '{cut(label, 60)}' is learned worst: F1 {percent(worst['f1'])}", "model")


def ordered_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Those that stop the run first."""
    return sorted(findings, key=lambda finding: finding.severity != "stop")


def drift_charts(contents: Contents) -> list[tuple[str, Markup]]:
    """Feature and its distribution in train over that in the accepted data; features that drifted first."""
    drifted = {f.feature for f in contents.verdict.findings if f.rule == "drift"} if contents.verdict else set()
    found = []
    for feature, before in sorted(contents.reference.items(), key=lambda item: item[0] not in drifted):
        after = contents.statistics.get(feature, {}).get(features.TRAIN)
        if (
            after
            and feature not in _OPAQUE
            and (chart := overlaid({"accepted": before, features.TRAIN: after}, feature))
        ):
            found.append((feature, chart))
    return found


def overlaid(series: Mapping[str, FeatureStatistics], feature: str) -> Markup | None:
    """One feature of two datasets, drawn over each other; None where there is nothing to draw."""
    numbers = {name: each.numbers for name, each in series.items() if each.numbers}
    if len(numbers) == len(series):
        return charts.histograms({name: each.histogram for name, each in numbers.items()}, feature)
    strings = {name: each.strings for name, each in series.items() if each.strings}
    counts = sum((Counter(each.counts) for each in strings.values()), Counter[str]())
    if len(strings) < len(series) or not counts or len(counts) > 10 * _LABELS_SHOWN:
        return None
    values = [value for value, _ in counts.most_common(_LABELS_SHOWN // 2)]
    return charts.bars(
        {n: {v: each.counts.get(v, 0) / (series[n].count or 1) for v in values} for n, each in strings.items()}, ".0%"
    )


def rejects_csv(rows: Sequence[RejectedRow]) -> str:
    """The rejected rows as a ``data:`` URI of a CSV file; as many as the page has room for."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["source", "row", "id", "image", "reason", "detail"])
    for row in rows:
        if file.tell() > _CSV_CHARACTERS:
            break
        writer.writerow([_harmless(row.source), row.row, *map(_harmless, (row.id, row.image, row.reason, row.detail))])
    return "data:text/csv;charset=utf-8;base64," + _base64(file.getvalue().encode("utf-8", "replace"))


def _harmless(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def confused_labels(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Labels of the confusion matrix; where there are many, those that are most often in a mistake."""
    labels = sorted({label for actual, of_actual in counts.items() for label in (actual, *of_actual)})
    if len(labels) <= _LABELS_CONFUSED:
        return labels
    wrong: Counter[str] = Counter()
    for actual, of_actual in counts.items():
        for answered, rows in of_actual.items():
            if actual != answered:
                wrong.update({actual: rows, answered: rows})
    return sorted(label for label, _ in wrong.most_common(_LABELS_CONFUSED))


def label_shares(labels: Mapping[str, Mapping[str, int]], examples: Mapping[str, int]) -> Shares:
    """The labels, the most frequent of train first."""
    splits = {split: FeatureStatistics(number, 0) for split, number in examples.items()}
    ordered = sorted(labels, key=lambda label: (-labels[label].get(features.TRAIN, 0), label))
    rows = [
        CountedRow(label, {split: labels[label].get(split, 0) for split in features.SPLITS if split in examples})
        for label in ordered
    ]
    found = Shares(
        features.LABEL,
        {split: splits[split] for split in features.SPLITS if split in splits},
        rows[:_LABELS_SHOWN],
        1.0,
        len(rows[_LABELS_SHOWN:]),
    )
    most = max((found.share(row, split) for row in found.rows for split in found.splits), default=1.0)
    return replace(found, most=most or 1.0)


def compared_models(contents: Contents) -> list[Model]:
    """The network and what it is measured against; empty without a network."""
    if contents.decision is None:
        return []
    last_blessed = contents.decision.last_blessed_slices.get("", {})
    return models(contents.decision.metrics, contents.linear_baseline, last_blessed, contents.majority)


def metric_name(key: str) -> str:
    """``Macro F1`` of ``macro_f1``."""
    return key.replace("_", " ").capitalize().replace(" f1", " F1")


def count(value: float | None) -> str:
    """A number of things: ``1,234``."""
    return _NONE if value is None else f"{round(value):,}"


def many(number: int, thing: str) -> str:
    """So many things: ``1 group``, ``2 groups``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def figure(value: float | None) -> str:
    """A measurement to four digits: ``195.9``, ``19,584``, ``-3.38e+18``."""
    if value is None or not math.isfinite(value):
        return _NONE
    size = abs(value)
    if size and not 1e-4 <= size < 1e9:
        return f"{value:.3g}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def percent(share: float | None) -> str:
    """A share of one: ``92.6%``."""
    if share is None or not math.isfinite(share):
        return _NONE
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def points(gain: float | None) -> str:
    """A difference of two shares in points of a hundred: ``+2.9``, ``−0.4``."""
    if gain is None or not math.isfinite(gain):
        return _NONE
    gain *= 100
    return f"{gain:+.1f}".replace("-", "−") if abs(gain) >= 0.05 else "0.0"


def cut(text: str, length: int) -> str:
    """The text's beginning, of at most ``length`` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def reject_groups(counts: Mapping[str, int], rows: Iterable[RejectedRow]) -> list[RejectGroup]:
    """The reasons, most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    of_reason: dict[str, list[tuple[int, RejectedRow]]] = {reason: [] for reason in counts}
    for place, row in enumerate(rows):
        if len(of_reason.setdefault(row.reason, [])) < _REJECTS_PER_REASON:
            of_reason[row.reason].append((place, row))
    return [RejectGroup(reason, number, of_reason[reason]) for reason, number in ordered]


def plain_rows(statistics: FeaturesStatistics) -> list[PlainRow]:
    """The features without a card."""
    noted = ((feature, splits, _why_plain(feature, splits)) for feature, splits in statistics.items())
    return [PlainRow(feature, splits, note) for feature, splits, note in noted if note]


def _why_plain(feature: str, splits: Mapping[str, FeatureStatistics]) -> str:
    if feature in _OPAQUE:
        return "a hash"
    numbers = [each.numbers for each in splits.values() if each.numbers]
    strings = [each.strings for each in splits.values() if each.strings]
    ends = {end for each in numbers for end in (each.min, each.max)}
    values = {value for each in strings for value in each.counts}
    if len(ends) == 1 or len(values) == 1:
        return f"always {figure(ends.pop()) if ends else values.pop()}"
    filled = [each for each in splits.values() if each.strings]
    if not ends and all(each.strings.unique in (1, each.count) for each in filled if each.strings):
        return "no value occurs twice in a split" if values else "no value"
    return ""


def numeric_card(feature: str, splits: Mapping[str, FeatureStatistics]) -> NumericCard:
    """The card of a feature of numbers; splits without a value are not drawn."""
    filled = {split: each.numbers.histogram for split, each in splits.items() if each.numbers}
    names = ("mean", "std", "min", "median", "max")
    return NumericCard(
        feature=feature,
        splits=splits,
        figures={name: [getattr(each.numbers, name, math.nan) for each in splits.values()] for name in names},
        chart=charts.histograms(filled, feature),
    )


def shares(feature: str, splits: Mapping[str, FeatureStatistics], shown: int) -> Shares:
    """The values of a bytes feature, the most frequent of train first."""
    counts = {split: each.strings.counts if each.strings else {} for split, each in splits.items()}
    totals = sum(map(Counter, counts.values()), Counter[str]())
    of_train = counts.get(features.TRAIN, {})
    values = sorted(totals, key=lambda value: (-of_train.get(value, 0), -totals[value], value))
    rows = [
        CountedRow(value, {split: each.strings.count(value) if each.strings else 0 for split, each in splits.items()})
        for value in values[:shown]
    ]
    found = Shares(feature, splits, rows, 1.0, len(values) - len(rows))
    most = max((found.share(row, split) for row in rows for split in splits), default=1.0)
    return replace(found, most=most or 1.0)


def models(network: Metrics, linear_baseline: Metrics, last_blessed: Metrics, majority: Metrics) -> list[Model]:
    """The network and what it is measured against, as far as there is any."""
    others = {
        "Last blessed model": last_blessed,
        "Linear text baseline": linear_baseline,
        "Most frequent label": majority,
    }
    compared = [
        Model(name, metrics, {key: network[key] - metrics[key] for key in METRICS if key in metrics and key in network})
        for name, metrics in others.items()
        if metrics
    ]
    return [Model("Network", network, {}), *compared]


def slice_rows(slices: Mapping[str, Metrics], last_blessed: Mapping[str, Metrics]) -> list[SliceRow]:
    """Every slice but the whole split, worst first; of two alike, that of more examples."""
    rows = [
        SliceRow(name, round(each["examples"]), each["accuracy"], last_blessed.get(name, {}).get("accuracy"))
        for name, each in slices.items()
        if name and "accuracy" in each and "examples" in each
    ]
    return sorted(rows, key=lambda row: (row.accuracy, -row.examples, row.name))


def better(metric: str, gain: float) -> bool:
    """Whether the network gained by this difference."""
    return gain < 0 if metric in LOWER_IS_BETTER else gain > 0
