"""The charts of the page, by the names that the template knows them by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from diptych.components.report import charts
from diptych.components.report.report_data import DatasetProfile, FeatureStatistics, ReportData, TextProfile
from diptych.components.report.statistics_tables import HASHES
from diptych.models import features
from diptych.models.natural_order import natural_key

_MAX_CONFUSED_LABELS = 30
_MAX_SCRIPTS = 8
# A feature with more values than these is not drawn; of fewer, the most frequent ones are.
_MAX_VALUES, _MAX_VALUES_DRAWN = 400, 20

#: The figures of a training that are drawn first.
FIRST_CURVES = ("loss", "accuracy")


def make_profile_charts(profile: DatasetProfile | None) -> dict[str, Any]:
    """The charts of images and texts; none without a profile, and none of texts without texts."""
    if profile is None:
        return {}
    text_charts = _make_text_charts(profile.text) if profile.text else {}
    return {"sizes_chart": charts.sizes(profile.sizes), "formats_chart": charts.bars(profile.formats), **text_charts}


def _make_text_charts(text: TextProfile) -> dict[str, Any]:
    scripts = {split: dict(list(shares.items())[:_MAX_SCRIPTS]) for split, shares in text.scripts.items()}
    return {
        "lengths_chart": charts.histograms(text.lengths, "characters"),
        "terms_chart": charts.bars({features.TRAIN: text.terms.get(features.TRAIN, {})}),
        "scripts_chart": charts.bars(scripts, ".0%"),
        "unknown_chart": charts.bars({"terms": dict(text.unknown_share)}, ".0%"),
    }


def make_model_charts(data: ReportData) -> dict[str, Any]:
    """The charts of training and predictions."""
    figures = [*FIRST_CURVES, *sorted(set(data.training_curves) - set(FIRST_CURVES))]
    return {
        "curve_charts": [(name, svg) for name in figures if (svg := charts.curves(data.training_curves, name))],
        "confusion_chart": charts.confusion(data.confusion, choose_confused_labels(data.confusion)),
        "calibration_chart": charts.calibration(data.predictions.calibration) if data.predictions else None,
    }


def choose_confused_labels(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The labels of the confusion matrix; if there are many, those with the most wrong predictions.

    Args:
        counts: actual label to predicted label to number of examples.
    """
    found = {label for actual, of_actual in counts.items() for label in (actual, *of_actual)}
    labels = sorted(found, key=natural_key)
    if len(labels) <= _MAX_CONFUSED_LABELS:
        return labels
    wrong: Counter[str] = Counter()
    for actual, of_actual in counts.items():
        for predicted, rows in of_actual.items():
            if actual != predicted:
                wrong.update({actual: rows, predicted: rows})
    return sorted((label for label, _ in wrong.most_common(_MAX_CONFUSED_LABELS)), key=natural_key)


def make_drift_charts(data: ReportData) -> list[tuple[str, Markup]]:
    """Each feature of texts with its values in train and in the last accepted data; those that drifted first.

    Numbers are drawn with their splits, on the card of their feature.
    """
    drifted = {f.feature for f in data.verdict.findings if f.rule == "drift"} if data.verdict else set()
    found = []
    for feature, accepted in sorted(data.reference.items(), key=lambda item: item[0] not in drifted):
        train = data.statistics.get(feature, {}).get(features.TRAIN)
        if not train or train.numbers or feature in HASHES:
            continue
        if chart := overlay({"accepted": accepted, features.TRAIN: train}, feature):
            found.append((feature, chart))
    return found


def overlay(series: Mapping[str, FeatureStatistics], feature: str) -> Markup | None:
    """The distributions of a feature in several datasets, in one chart; None if there is nothing to draw."""
    numbers = {name: each.numbers for name, each in series.items() if each.numbers}
    if len(numbers) == len(series):
        return charts.histograms({name: each.histogram for name, each in numbers.items()}, feature)
    strings = {name: each.strings for name, each in series.items() if each.strings}
    counts = sum((Counter(each.counts) for each in strings.values()), Counter[str]())
    if len(strings) < len(series) or not counts or len(counts) > _MAX_VALUES:
        return None
    values = [value for value, _ in counts.most_common(_MAX_VALUES_DRAWN)]
    shares = {
        name: {value: each.counts.get(value, 0) / (series[name].count or 1) for value in values}
        for name, each in strings.items()
    }
    return charts.bars(shares, ".0%")
