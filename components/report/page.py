"""The page: plain data in, HTML out. It loads nothing and runs no script; the template escapes all text."""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from jinja2 import Environment, StrictUndefined

from components.report.contents import Bucket, Contents, FeatureStatistics, Metrics, RejectedRow
from models import features

# Of a histogram's drawing, which is stretched to its place.
_CHART_WIDTH, _CHART_HEIGHT = 100.0, 36.0
_NARROWEST_BUCKET = _CHART_WIDTH / 50
_VALUES_SHOWN = 5
_LABELS_SHOWN = 40
_SLICES_SHOWN = 60
_NONE = "–"

METRIC_NAMES = {"accuracy": "Accuracy", "macro_f1": "Macro F1"}

#: Values that stand for an image: neither their size nor their spelling says anything.
_OPAQUE = frozenset({features.SHA256, features.PHASH})

FeaturesStatistics = Mapping[str, Mapping[str, FeatureStatistics]]


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram, in the chart's units; ``y`` counts downward."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class NumericCard:
    """A numeric feature: a histogram of each split on one pair of axes.

    Attributes:
        figures: name of a figure to its value in each split.
    """

    feature: str
    splits: Mapping[str, FeatureStatistics]
    figures: Mapping[str, Sequence[float]]
    histograms: Mapping[str, Sequence[Bar]]


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
    """One line of the comparison; ``gains`` are the network's over this model, in points of a hundred."""

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
    """The rejects of one reason: how many, and the first of them."""

    reason: str
    count: int
    rows: Sequence[RejectedRow]


def render(contents: Contents) -> str:
    """The whole page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(count=count, figure=figure, percent=percent, points=points, cut=cut, base64=_base64)
    source = resources.files(__package__).joinpath("page.html").read_text("utf-8")
    statistics = contents.statistics
    plain = plain_rows(statistics)
    drawn = {feature: splits for feature, splits in statistics.items() if feature not in {row.feature for row in plain}}
    numeric = {feature: splits for feature, splits in drawn.items() if any(s.numbers for s in splits.values())}
    slices = slice_rows(contents.decision.slices, contents.last_blessed)
    return environment.from_string(source).render(
        c=contents,
        splits=[split for split in features.SPLITS if split in contents.account.examples],
        examples=sum(contents.account.examples.values()),
        rejected=sum(contents.account.rejects.values()),
        reject_groups=reject_groups(contents.account.rejects, contents.rejects),
        numeric=[numeric_card(feature, splits) for feature, splits in numeric.items()],
        texts=[shares(f, splits, _VALUES_SHOWN) for f, splits in drawn.items() if f not in (*numeric, features.LABEL)],
        plain=plain,
        labels=shares(features.LABEL, statistics.get(features.LABEL, {}), _LABELS_SHOWN),
        models=models(contents.decision.metrics, contents.linear_baseline, contents.last_blessed.get("", {})),
        metric_names=METRIC_NAMES,
        slices=slices[:_SLICES_SHOWN],
        slices_left=len(slices) - _SLICES_SHOWN,
    )


def count(value: float | None) -> str:
    """A number of things: ``1,234``."""
    return _NONE if value is None else f"{round(value):,}"


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
    return f"{gain:+.1f}".replace("-", "−") if abs(gain) >= 0.05 else "0.0"


def cut(text: str, length: int) -> str:
    """The text's beginning, of at most ``length`` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def reject_groups(counts: Mapping[str, int], rows: Iterable[RejectedRow]) -> list[RejectGroup]:
    """The reasons, most frequent first."""
    listed = list(rows)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [RejectGroup(reason, number, [r for r in listed if r.reason == reason]) for reason, number in ordered]


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
    if not ends and all(each.unique <= 1 or max(each.counts.values(), default=0) <= 1 for each in strings):
        return "no value occurs twice in a split" if values else "no value"
    return ""


def numeric_card(feature: str, splits: Mapping[str, FeatureStatistics]) -> NumericCard:
    """The card of a feature of numbers; splits without a value have no histogram."""
    filled = {split: each.numbers for split, each in splits.items() if each.numbers}
    names = ("mean", "std", "min", "median", "max")
    return NumericCard(
        feature=feature,
        splits=splits,
        figures={name: [getattr(each.numbers, name, math.nan) for each in splits.values()] for name in names},
        histograms=histogram_bars({split: numbers.histogram for split, numbers in filled.items()}),
    )


def histogram_bars(histograms: Mapping[str, Sequence[Bucket]]) -> dict[str, list[Bar]]:
    """Histograms of splits of unlike size and range as densities on one pair of axes, so that shapes compare.

    A split's bars cover the same area as another's, unless a single value holds a whole bucket.
    """
    finite = {split: [b for b in buckets if math.isfinite(b.high - b.low)] for split, buckets in histograms.items()}
    every = [bucket for buckets in finite.values() for bucket in buckets]
    if not every:
        return {}
    low, high = min(b.low for b in every), max(b.high for b in every)
    scale = _CHART_WIDTH / ((high - low) or 1.0)

    def bars(buckets: Sequence[Bucket]) -> Iterator[Bar]:
        total = sum(bucket.count for bucket in buckets) or 1.0
        for bucket in buckets:
            width = max((bucket.high - bucket.low) * scale, _NARROWEST_BUCKET)
            x = min((bucket.low - low) * scale, _CHART_WIDTH - width)
            yield Bar(x, 0.0, width, bucket.count / total / width)

    densities = {split: list(bars(buckets)) for split, buckets in finite.items()}
    tallest = max(bar.height for of_split in densities.values() for bar in of_split) or 1.0
    return {split: [_stretched(bar, tallest) for bar in of_split] for split, of_split in densities.items()}


def _stretched(bar: Bar, tallest: float) -> Bar:
    height = bar.height / tallest * _CHART_HEIGHT
    return Bar(bar.x, _CHART_HEIGHT - height, bar.width, height)


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


def models(network: Metrics, linear_baseline: Metrics, last_blessed: Metrics) -> list[Model]:
    """The network and what it is measured against; the last blessed model only if it was compared."""
    others = {"Linear text baseline": linear_baseline, "Last blessed model": last_blessed}
    compared = [
        Model(name, metrics, {key: 100 * (network[key] - metrics[key]) for key in METRIC_NAMES})
        for name, metrics in others.items()
        if metrics
    ]
    return [Model("Network", network, {}), *compared]


def slice_rows(slices: Mapping[str, Metrics], last_blessed: Mapping[str, Metrics]) -> list[SliceRow]:
    """Every slice but the whole split, worst first; of two alike, that of more examples."""
    rows = [
        SliceRow(name, round(each["examples"]), each["accuracy"], last_blessed.get(name, {}).get("accuracy"))
        for name, each in slices.items()
        if name
    ]
    return sorted(rows, key=lambda row: (row.accuracy, -row.examples, row.name))
