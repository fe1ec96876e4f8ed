"""Charts: Vega-Lite specifications, rendered to SVG so that the page needs no script and no network.

Colours are the page's CSS variables, which change in dark mode and in print; lines are told apart by their dashes too.
A chart has a total width, and the page stretches it over its column. Vega labels each mark for screen readers and
escapes all text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import vl_convert
from markupsafe import Markup

from diptych.components.report.report_data import HistogramBucket, TrainingCurves
from diptych.models.shown_text import show_text
from diptych.models.statistics.row_predictions import CalibrationBin

_VERSION = "5.21"
# Of a chart with its axes, in pixels: what a column of the page is wide on a telephone, and nearly so on a screen.
_WIDTH = 360
# Of what is drawn between the axes.
_HEIGHT = 150
# The height of a bar with its gap, in pixels.
_BAR_STEP = 16
_MAX_NAME_LENGTH = 32
# The most labels of a confusion matrix whose cells have room for numbers.
_MAX_NUMBERED_LABELS = 14
_MAX_EPOCH_TICKS = 10
# A bar of a histogram is at least this fraction of the whole width.
_MIN_BAR_FRACTION = 1 / 60

# Looks like one.
_BACKSLASH = "\N{REVERSE SOLIDUS OPERATOR}"

#: The name of a series to its colour, a CSS variable of the page.
COLOURS = {
    "train": "var(--train)",
    "val": "var(--val)",
    "test": "var(--test)",
    "validation": "var(--val)",
    "accepted": "var(--other)",
    "precision": "var(--train)",
    "recall": "var(--val)",
    "f1": "var(--test)",
    "A": "var(--train)",
    "B": "var(--test)",
    "A train": "var(--train)",
    "A val": "var(--val)",
    "B train": "var(--test)",
    "B val": "var(--bad)",
}
_OTHER = "var(--other)"

#: The name of a series to its line: lengths of dashes and gaps in pixels. Others are solid.
DASHES = {
    "val": [6, 3],
    "validation": [6, 3],
    "test": [2, 2],
    "accepted": [12, 4],
    "A val": [6, 3],
    "B": [6, 3],
    "B train": [12, 3],
    "B val": [2, 2],
}

_CONFIG = {
    "background": None,
    "font": "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "gridColor": "var(--line)",
        "domainColor": "var(--other)",
        "tickColor": "var(--other)",
        "titleFontWeight": "normal",
        # Cutting a label, Vega would fail on a character of two UTF-16 units.
        "labelLimit": 0,
        "labelFontSize": 11,
    },
    "legend": {
        "labelColor": "currentColor",
        "labelLimit": 0,
        "title": None,
        "orient": "top",
        "labelFontSize": 11,
        "symbolType": "square",
    },
    "view": {"stroke": None},
}

#: A part of a Vega-Lite specification, or a row of its data.
VegaObject = dict[str, Any]

# Axes and legend count for the width.
_FITTED: VegaObject = {"width": _WIDTH, "autosize": {"type": "fit-x", "contains": "padding"}}


def render(spec: Mapping[str, Any]) -> Markup:
    """Renders a Vega-Lite specification to an ``<svg>`` element."""
    svg = vl_convert.vegalite_to_svg(_clean({"config": _CONFIG, **spec}), vl_version=_VERSION)
    # Invisible paths, and attributes that HTML does not need.
    svg = re.sub(r'<path class="(?:background|foreground)" aria-hidden="true" d=""[^>]*/>', "", svg)
    svg = re.sub(r'<path class="(?:background|foreground)" aria-hidden="true" d="M0,0h0v0h0Z"[^>]*/>', "", svg)
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"| font-family="[^"]*"', "", svg)
    return Markup(svg)


def _clean(value: Any) -> Any:
    """Replaces texts by what can be seen of them, and numbers that JSON does not allow."""
    if isinstance(value, str):
        # A character that XML 1.0, section 2.2, does not allow, or one that ends a line of JavaScript, would make
        # vl-convert end the process. A backslash in a title, Vega takes for the start of an escape, and undoes it.
        return show_text(value).replace("\\", _BACKSLASH)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, (list, tuple)) else value


def histograms(series: Mapping[str, Sequence[HistogramBucket]], title: str | None = None) -> Markup | None:
    """Histograms drawn over each other as densities, so that splits of different sizes can be compared.

    The outlines of all series enclose the same area, except where a bucket is so narrow that it is widened. The first
    one is filled.

    Args:
        series: name to histogram; infinite buckets are left out.
        title: of the horizontal axis, if it has one.

    Returns:
        The chart; None if there is no bucket.
    """
    finite = {name: [b for b in buckets if math.isfinite(b.high - b.low)] for name, buckets in series.items()}
    every = [bucket for buckets in finite.values() for bucket in buckets]
    span = max((b.high for b in every), default=math.nan) - min((b.low for b in every), default=math.nan)
    if not math.isfinite(span):
        return None
    min_width = span * _MIN_BAR_FRACTION or 1.0
    outlines = [point for name, buckets in finite.items() for point in _outline(name, buckets, min_width)]
    x: VegaObject = {"field": "value", "type": "quantitative", "title": title, "scale": {"zero": False, "nice": False}}
    x["axis"] = {"tickCount": 5, "grid": False, "labelOverlap": True}
    y = {"field": "density", "type": "quantitative", "title": None, "stack": None, "axis": None}
    filled = {
        "data": {"values": [point for point in outlines if point["series"] == next(iter(finite))]},
        "mark": {"type": "area", "color": _colour_of(next(iter(finite))), "opacity": 0.2, "orient": "vertical"},
        "encoding": {"x": x, "y": y, "y2": {"datum": 0}},
    }
    lines = {
        "data": {"values": outlines},
        "mark": {"type": "line", "strokeWidth": 1.8},
        "encoding": {"x": x, "y": y, "order": {"field": "order"}, **_line(list(finite))},
    }
    return render({"layer": [filled, lines], **_FITTED, "height": _HEIGHT})


def _outline(name: str, buckets: Sequence[HistogramBucket], min_width: float) -> Iterable[VegaObject]:
    """The corners of a histogram from left to right; a bucket starts where the one before it ends, or later."""
    total = sum(bucket.count for bucket in buckets) or 1.0
    corners, end = [], -math.inf
    for bucket in sorted(buckets, key=lambda bucket: bucket.low):
        width = max(bucket.high - bucket.low, min_width)
        start, density = max(bucket.low, end), bucket.count / total / width
        if not bucket.count or start >= bucket.low + width:
            continue
        if start > end:
            corners += [(end, 0.0), (start, 0.0)] if math.isfinite(end) else [(start, 0.0)]
        end = bucket.low + width
        corners += [(start, density), (end, density)]
    if corners:
        corners.append((end, 0.0))
    for order, (value, density) in enumerate(corners):
        yield {"series": name, "value": value, "density": density, "order": order}


def bars(series: Mapping[str, Mapping[str, float]], number_format: str = ",.0f") -> Markup | None:
    """Horizontal bars.

    Args:
        series: name of a series to name of a bar to value; a value that is missing is 0.
        number_format: of the axis, a d3-format specifier.

    Returns:
        The chart; None if there is no bar.
    """
    names = list(dict.fromkeys(name for bars_ in series.values() for name in bars_))
    values = [
        {"series": each, "name": _shorten(name), "value": float(bars_.get(name, 0))}
        for each, bars_ in series.items()
        for name in names
    ]
    if not values:
        return None
    order = list(dict.fromkeys(map(_shorten, names)))
    largest = max(float(value) for bars_ in series.values() for value in bars_.values())
    encoding: VegaObject = {
        "y": {"field": "name", "type": "nominal", "sort": order, "title": None},
        "x": {
            "field": "value",
            "type": "quantitative",
            "title": None,
            "axis": {"format": number_format, "tickCount": 4},
            # A scale from 0 to 0 cannot be drawn.
            "scale": {"domain": [0, largest or 1]},
        },
        "color": _colour(list(series)),
    }
    if len(series) > 1:
        encoding["yOffset"] = {"field": "series", "sort": list(series)}
    step = {
        "step": max(5, _BAR_STEP // len(series)) if len(series) > 1 else _BAR_STEP,
        "for": "offset" if len(series) > 1 else "position",
    }
    return render({"data": {"values": values}, "mark": "bar", **_FITTED, "height": step, "encoding": encoding})


def sizes(counts: Mapping[tuple[int, int], int]) -> Markup | None:
    """The widths and heights of original images; the area of a circle is the number of rows.

    Args:
        counts: (width, height) to number of rows.

    Returns:
        The chart; None if there are fewer than two sizes.
    """
    values = [{"width": width, "height": height, "rows": rows} for (width, height), rows in counts.items()]
    if len(values) < 2:
        return None
    side: VegaObject = {"type": "quantitative", "scale": {"zero": False}, "axis": {"tickCount": 5}}
    return render(
        {
            "data": {"values": values},
            "mark": {"type": "circle", "opacity": 0.6, "color": "var(--train)"},
            **_FITTED,
            "height": _HEIGHT,
            "encoding": {
                "x": {**side, "field": "width", "title": "width, pixels"},
                "y": {**side, "field": "height", "title": "height, pixels"},
                "size": {"field": "rows", "type": "quantitative", "legend": None, "scale": {"range": [20, 600]}},
            },
        }
    )


def curves(training_curves: TrainingCurves, figure: str) -> Markup | None:
    """One figure of a training by epoch; None if there are no values."""
    runs = training_curves.get(figure, {})
    # Keras counts epochs from 0, people count from 1.
    values = [
        {"series": run, "epoch": epoch + 1, "value": value}
        for run, points in runs.items()
        for epoch, value in points
        if math.isfinite(value)
    ]
    if not values:
        return None
    last = max(epoch + 1 for points in runs.values() for epoch, _ in points)
    ticks = list(range(1, last + 1, -(-last // _MAX_EPOCH_TICKS)))
    return render(
        {
            "data": {"values": values},
            "mark": {"type": "line", "point": {"size": 14}, "strokeWidth": 1.8},
            **_FITTED,
            "height": _HEIGHT,
            "encoding": {
                "x": {
                    "field": "epoch",
                    "type": "quantitative",
                    "title": "epoch",
                    "axis": {"values": ticks, "format": "d"},
                },
                "y": {
                    "field": "value",
                    "type": "quantitative",
                    "title": figure.replace("_", " "),
                    "scale": {"zero": False},
                    "axis": {"format": ".3~g"},
                },
                **_line(list(runs)),
            },
        }
    )


def calibration(bins: Sequence[CalibrationBin]) -> Markup | None:
    """The share of correct decisions by confidence; on the diagonal both are equal. None if there are no bins."""
    if not bins:
        return None
    values = [{"confidence": b.confidence, "correct": b.correct, "decisions": b.decisions} for b in bins]
    unit = {"domain": [0, 1]}
    axis = {"format": ".0%", "tickCount": 5}
    diagonal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": _OTHER, "strokeWidth": 1},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }
    x = {"field": "confidence", "type": "quantitative", "title": "confidence", "scale": unit, "axis": axis}
    y = {"field": "correct", "type": "quantitative", "title": "share correct", "scale": unit, "axis": axis}
    line = {"mark": {"type": "line", "color": "var(--train)"}, "encoding": {"x": x, "y": y}}
    size = {"field": "decisions", "type": "quantitative", "legend": None, "scale": {"range": [20, 300]}}
    points = {
        "mark": {"type": "circle", "color": "var(--train)", "opacity": 0.8},
        "encoding": {"x": x, "y": y, "size": size},
    }
    return render({"data": {"values": values}, "layer": [diagonal, line, points], **_FITTED, "height": _HEIGHT})


def confusion(counts: Mapping[str, Mapping[str, int]], labels: Sequence[str]) -> Markup | None:
    """A confusion matrix: rows are actual labels, and the darkness of a cell is its share of the row.

    Args:
        counts: actual label to predicted label to number of examples.
        labels: the labels to draw.

    Returns:
        The chart; None if there are no examples.
    """
    values = [
        {
            "actual": _shorten(actual),
            "predicted": _shorten(predicted),
            "rows": rows,
            "share": rows / sum(of_actual.values()),
        }
        for actual, of_actual in counts.items()
        for predicted, rows in of_actual.items()
        if actual in labels and predicted in labels and rows
    ]
    if not values:
        return None
    order = [_shorten(label) for label in labels]
    cell = 34 if len(labels) <= _MAX_NUMBERED_LABELS else 15
    x = {"field": "predicted", "type": "nominal", "sort": order, "title": "predicted", "scale": {"domain": order}}
    y = {"field": "actual", "type": "nominal", "sort": order, "title": "actual", "scale": {"domain": order}}
    x["axis"] = {"labelAngle": -45}
    opacity = {
        "field": "share",
        "type": "quantitative",
        "legend": None,
        "scale": {"domain": [0, 1], "range": [0.06, 0.9]},
    }
    contrast = {"condition": {"test": "datum.share > 0.5", "value": "var(--paper)"}, "value": "var(--ink)"}
    squares = {"mark": {"type": "rect", "color": "var(--train)"}, "encoding": {"x": x, "y": y, "opacity": opacity}}
    numbers = {
        "mark": {"type": "text", "fontSize": 11},
        "encoding": {"x": x, "y": y, "text": {"field": "rows", "format": ",.0f"}, "color": contrast},
    }
    layer = [squares, numbers] if len(labels) <= _MAX_NUMBERED_LABELS else [squares]
    return render({"data": {"values": values}, "layer": layer, "width": {"step": cell}, "height": {"step": cell}})


def _colour_of(name: str) -> str:
    return COLOURS.get(name, "var(--train)")


def _colour(names: Sequence[str]) -> VegaObject:
    """The encoding of colours by series, with a legend if there are several."""
    colour: VegaObject = {"field": "series", "type": "nominal", "scale": {"domain": names}, "sort": names}
    colour["scale"]["range"] = [_colour_of(name) for name in names]
    return colour if len(names) > 1 else {**colour, "legend": None}


def _line(names: Sequence[str]) -> VegaObject:
    """The encodings of lines by series: colour and dashes, with one legend for both if there are several."""
    dashes: VegaObject = {"field": "series", "type": "nominal", "sort": names}
    dashes["scale"] = {"domain": names, "range": [DASHES.get(name, [1, 0]) for name in names]}
    if len(names) == 1:
        return {"color": _colour(names), "strokeDash": {**dashes, "legend": None}}
    legend = {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2}
    return {"color": {**_colour(names), "legend": legend}, "strokeDash": {**dashes, "legend": legend}}


def _shorten(name: str) -> str:
    name = show_text(name)
    return name if len(name) <= _MAX_NAME_LENGTH else name[: _MAX_NAME_LENGTH - 1] + "…"
