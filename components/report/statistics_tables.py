"""How the statistics of features are laid out: cards with charts, tables of values, and a list of the rest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from diptych.components.report import charts
from diptych.components.report.formatting import format_number
from diptych.components.report.report_data import DatasetStatistics, FeatureStatistics
from diptych.models import features
from diptych.models.natural_order import natural_key

#: Features whose values only identify an image: their distribution says nothing.
HASHES = frozenset({features.SHA256, features.PHASH})

MAX_LABELS = 40
_FIGURES = ("mean", "std", "min", "median", "max")


@dataclass(frozen=True)
class NumericCard:
    """A numeric feature, with the distributions of its splits in one chart.

    Attributes:
        splits: split to statistics.
        figures: name of a figure to its value in each split.
    """

    feature: str
    splits: Mapping[str, FeatureStatistics]
    figures: Mapping[str, Sequence[float]]
    chart: Markup | None


@dataclass(frozen=True)
class ValueCounts:
    """A value and the number of records that hold it, by split; None if it is unknown."""

    value: str
    counts: Mapping[str, int | None]


@dataclass(frozen=True)
class ValueTable:
    """The most frequent values of a bytes feature.

    Attributes:
        splits: split to statistics.
        rows: the values, most frequent in train first.
        left_out: number of values that are not in ``rows``.
    """

    feature: str
    splits: Mapping[str, FeatureStatistics]
    rows: Sequence[ValueCounts]
    left_out: int

    def share(self, row: ValueCounts, split: str) -> float:
        """The share of the split's records that hold the row's value."""
        return (row.counts[split] or 0) / (self.splits[split].count or 1)

    @cached_property
    def largest_share(self) -> float:
        """The largest share of a value in a split, which the longest bar stands for; 1 if there is none."""
        return max((self.share(row, split) for row in self.rows for split in self.splits), default=1.0) or 1.0


@dataclass(frozen=True)
class PlainFeature:
    """A feature that is not worth a card; ``note`` says why."""

    feature: str
    splits: Mapping[str, FeatureStatistics]
    note: str


def make_numeric_card(
    feature: str, splits: Mapping[str, FeatureStatistics], accepted: FeatureStatistics | None = None
) -> NumericCard:
    """The card of a numeric feature; the chart leaves out splits without a value.

    Args:
        accepted: the feature in the last accepted data, which the chart shows too.
    """
    drawn = {**splits, "accepted": accepted} if accepted else splits
    histograms = {split: each.numbers.histogram for split, each in drawn.items() if each.numbers}
    return NumericCard(
        feature=feature,
        splits=splits,
        figures={name: [getattr(each.numbers, name, math.nan) for each in splits.values()] for name in _FIGURES},
        chart=charts.histograms(histograms),
    )


def make_value_table(feature: str, splits: Mapping[str, FeatureStatistics], max_rows: int) -> ValueTable:
    """The table of a bytes feature."""
    counts = {split: each.strings.counts if each.strings else {} for split, each in splits.items()}
    totals = sum(map(Counter, counts.values()), Counter[str]())
    of_train = counts.get(features.TRAIN, {})
    values = sorted(totals, key=lambda value: (-of_train.get(value, 0), -totals[value], value))
    rows = [
        ValueCounts(value, {split: each.strings.count(value) if each.strings else 0 for split, each in splits.items()})
        for value in values[:max_rows]
    ]
    return ValueTable(feature, splits, rows, len(values) - len(rows))


def make_label_table(labels: Mapping[str, Mapping[str, int]], examples: Mapping[str, int]) -> ValueTable:
    """The table of the labels.

    Args:
        labels: label to split to number of examples.
        examples: split to number of examples.
    """
    splits = {split: FeatureStatistics(examples[split], 0) for split in features.SPLITS if split in examples}
    ordered = sorted(labels, key=lambda label: (-labels[label].get(features.TRAIN, 0), natural_key(label)))
    rows = [
        ValueCounts(label, {split: labels[label].get(split, 0) for split in splits}) for label in ordered[:MAX_LABELS]
    ]
    return ValueTable(features.LABEL, splits, rows, len(ordered) - len(rows))


def list_plain_features(statistics: DatasetStatistics) -> list[PlainFeature]:
    """The features that are not worth a card."""
    noted = ((feature, splits, _why_plain(feature, splits)) for feature, splits in statistics.items())
    return [PlainFeature(feature, splits, note) for feature, splits, note in noted if note]


def _why_plain(feature: str, splits: Mapping[str, FeatureStatistics]) -> str:
    if feature in HASHES:
        return "a hash"
    numbers = [each.numbers for each in splits.values() if each.numbers]
    strings = [(each.count, each.strings) for each in splits.values() if each.strings]
    extremes = {extreme for each in numbers for extreme in (each.min, each.max)}
    values = {value for _, each in strings for value in each.counts}
    if len(extremes) == 1 or len(values) == 1:
        return f"always {format_number(extremes.pop()) if extremes else values.pop()}"
    if not extremes and all(each.unique in (1, count) for count, each in strings):
        return "no value occurs twice in a split" if values else "no value"
    return ""
