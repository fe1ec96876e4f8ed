"""Charts: Vega-Lite's specifications, rendered to SVG while the page is made.

The page then needs no script and no network. Colours are the page's CSS variables, which change in dark mode and in
print; Vega labels each mark for screen readers and escapes all text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import vl_convert
from markupsafe import Markup

from diptych.components.report.report_data import Bucket, Confidence, Curves

_VERSION = "5.21"
_WIDTH, _HEIGHT = 300, 130
_STEP = 16
_LABEL_LETTERS = 32
_CELLS_NUMBERED = 14
_EPOCHS_NAMED = 10
_BUCKETS = 60

# XML 1.0, section 2.2: any other character makes vl-convert end the process. The last two end a line of JavaScript.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")

#: Series to colour: a variable of the page's style.
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
    "A validation": "var(--val)",
    "B train": "var(--test)",
    "B validation": "var(--bad)",
}
_OTHER = "var(--other)"

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
        # Vega would cut a character of two UTF-16 units in half, and fail.
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

Record = dict[str, Any]


def render(spec: Mapping[str, Any]) -> Markup:
    """A Vega-Lite specification as an ``<svg>`` that shrinks with its place."""
    svg = vl_convert.vegalite_to_svg(_clean({"config": _CONFIG, **spec}), vl_version=_VERSION)
    # Invisible paths, and a namespace that HTML does not need.
    svg = re.sub(r'<path class="(?:background|foreground)" aria-hidden="true" d=""[^>]*/>', "", svg)
    svg = re.sub(r'<path class="(?:background|foreground)" aria-hidden="true" d="M0,0h0v0h0Z"[^>]*/>', "", svg)
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"| font-family="[^"]*"', "", svg)
    return Markup(svg)


def _clean(value: Any) -> Any:
    """The same without characters that XML cannot hold and numbers that JSON cannot."""
    if isinstance(value, str):
        return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, (list, tuple)) else value


def histograms(series: Mapping[str, Sequence[Bucket]], title: str) -> Markup | None:
    """Histograms as densities, drawn over each other: splits of unlike size and range compare.

    A series' bars cover the same area as another's, unless a single value holds a whole bucket.
    """
    finite = {name: [b for b in some if math.isfinite(b.high - b.low)] for name, some in series.items()}
    every = [bucket for some in finite.values() for bucket in some]
    span = max((b.high for b in every), default=math.nan) - min((b.low for b in every), default=math.nan)
    if not math.isfinite(span):
        return None
    narrowest = span / _BUCKETS or 1.0
    values = [bar for name, some in finite.items() for bar in _densities(name, some, narrowest)]
    return render(
        {
            "data": {"values": values},
            "mark": {"type": "bar", "opacity": 0.55, "binSpacing": 0},
            "width": _WIDTH,
            "height": _HEIGHT,
            "encoding": {
                "x": {"field": "low", "type": "quantitative", "title": title, "scale": {"zero": False, "nice": False}},
                "x2": {"field": "high"},
                "y": {"field": "density", "type": "quantitative", "title": None, "stack": None, "axis": None},
                "y2": {"datum": 0},
                "color": _colour(list(finite)),
            },
        }
    )


def _densities(name: str, buckets: Sequence[Bucket], narrowest: float) -> Iterable[Record]:
    total = sum(bucket.count for bucket in buckets) or 1.0
    for bucket in buckets:
        width = max(bucket.high - bucket.low, narrowest)
        if bucket.count:
            yield {
                "series": name,
                "low": bucket.low,
                "high": bucket.low + width,
                "density": bucket.count / total / width,
            }


def bars(series: Mapping[str, Mapping[str, float]], form: str = ",.0f") -> Markup | None:
    """Horizontal bars: series to name to value; names in the order of the first series.

    Args:
        form: of the numbers, as d3-format writes it.
    """
    names = list(dict.fromkeys(name for some in series.values() for name in some))
    values = [
        {"series": one, "name": _short(name), "value": float(some.get(name, 0))}
        for one, some in series.items()
        for name in names
    ]
    if not values:
        return None
    short = list(dict.fromkeys(map(_short, names)))
    largest = max(float(number) for some in series.values() for number in some.values())
    encoding: Record = {
        "y": {"field": "name", "type": "nominal", "sort": short, "title": None},
        "x": {
            "field": "value",
            "type": "quantitative",
            "title": None,
            "axis": {"format": form, "tickCount": 4},
            # Where all is 0 there would be no scale.
            "scale": {"domain": [0, largest or 1]},
        },
        "color": _colour(list(series)),
    }
    if len(series) > 1:
        encoding["yOffset"] = {"field": "series", "sort": list(series)}
    step = {
        "step": max(5, _STEP // len(series)) if len(series) > 1 else _STEP,
        "for": "offset" if len(series) > 1 else "position",
    }
    return render({"data": {"values": values}, "mark": "bar", "width": 220, "height": step, "encoding": encoding})


def sizes(counts: Mapping[tuple[int, int], int]) -> Markup | None:
    """Originals by width and height; a circle's area is their number. One size alone is no drawing."""
    values = [{"width": width, "height": height, "rows": rows} for (width, height), rows in counts.items()]
    if len(values) < 2:
        return None
    return render(
        {
            "data": {"values": values},
            "mark": {"type": "circle", "opacity": 0.6, "color": "var(--train)"},
            "width": _WIDTH,
            "height": _HEIGHT,
            "encoding": {
                "x": {"field": "width", "type": "quantitative", "title": "width, pixels", "scale": {"zero": False}},
                "y": {"field": "height", "type": "quantitative", "title": "height, pixels", "scale": {"zero": False}},
                "size": {"field": "rows", "type": "quantitative", "legend": None, "scale": {"range": [20, 600]}},
            },
        }
    )


def curves(found: Curves, figure: str) -> Markup | None:
    """One figure of a training by epoch."""
    runs = found.get(figure, {})
    # Keras counts epochs from 0, a person from 1.
    values = [
        {"series": run, "epoch": epoch + 1, "value": value}
        for run, some in runs.items()
        for epoch, value in some
        if math.isfinite(value)
    ]
    if not values:
        return None
    last = max(epoch + 1 for some in runs.values() for epoch, _ in some)
    epochs = list(range(1, last + 1, -(-last // _EPOCHS_NAMED)))
    return render(
        {
            "data": {"values": values},
            "mark": {"type": "line", "point": {"size": 18}, "strokeWidth": 1.6},
            "width": _WIDTH,
            "height": _HEIGHT,
            "encoding": {
                "x": {
                    "field": "epoch",
                    "type": "quantitative",
                    "title": "epoch",
                    "axis": {"values": epochs, "format": "d"},
                },
                "y": {
                    "field": "value",
                    "type": "quantitative",
                    "title": figure.replace("_", " "),
                    "scale": {"zero": False},
                    "axis": {"format": ".3~g"},
                },
                "color": _colour(list(runs)),
            },
        }
    )


def calibration(bins: Sequence[Confidence]) -> Markup | None:
    """Share right by confidence; on the diagonal, the model is as sure as it should be."""
    if not bins:
        return None
    values = [{"confidence": b.confidence, "right": b.right, "decisions": b.decisions} for b in bins]
    unit = {"domain": [0, 1]}
    axis = {"format": ".0%", "tickCount": 5}
    diagonal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": _OTHER, "strokeWidth": 1},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }
    x = {"field": "confidence", "type": "quantitative", "title": "confidence", "scale": unit, "axis": axis}
    y = {"field": "right", "type": "quantitative", "title": "share right", "scale": unit, "axis": axis}
    line = {"mark": {"type": "line", "color": "var(--train)"}, "encoding": {"x": x, "y": y}}
    size = {"field": "decisions", "type": "quantitative", "legend": None, "scale": {"range": [20, 300]}}
    points = {
        "mark": {"type": "circle", "color": "var(--train)", "opacity": 0.8},
        "encoding": {"x": x, "y": y, "size": size},
    }
    return render({"data": {"values": values}, "layer": [diagonal, line, points], "width": 220, "height": 220})


def confusion(counts: Mapping[str, Mapping[str, int]], labels: Sequence[str]) -> Markup | None:
    """How often each label was answered as which: rows are actual labels, darkness the share of the row."""
    values = [
        {"actual": _short(actual), "answered": _short(answered), "rows": rows, "share": rows / sum(of_actual.values())}
        for actual, of_actual in counts.items()
        for answered, rows in of_actual.items()
        if actual in labels and answered in labels and rows
    ]
    if not values:
        return None
    order = [_short(label) for label in labels]
    cell = 34 if len(labels) <= _CELLS_NUMBERED else 15
    x = {"field": "answered", "type": "nominal", "sort": order, "title": "answered", "scale": {"domain": order}}
    y = {"field": "actual", "type": "nominal", "sort": order, "title": "actual", "scale": {"domain": order}}
    x["axis"] = {"labelAngle": -45}
    opacity = {
        "field": "share",
        "type": "quantitative",
        "legend": None,
        "scale": {"domain": [0, 1], "range": [0.06, 0.9]},
    }
    squares = {"mark": {"type": "rect", "color": "var(--train)"}, "encoding": {"x": x, "y": y, "opacity": opacity}}
    numbers = {
        "mark": {"type": "text", "fontSize": 11, "color": "var(--ink)"},
        "encoding": {"x": x, "y": y, "text": {"field": "rows", "format": ",.0f"}},
    }
    layer = [squares, numbers] if len(labels) <= _CELLS_NUMBERED else [squares]
    return render({"data": {"values": values}, "layer": layer, "width": {"step": cell}, "height": {"step": cell}})


def _colour(names: Sequence[str]) -> Record:
    """The colours of series; one alone needs no legend."""
    colour: Record = {"field": "series", "type": "nominal", "scale": {"domain": names}, "sort": names}
    colour["scale"]["range"] = [COLOURS.get(name, "var(--train)") for name in names]
    return colour if len(names) > 1 else {**colour, "legend": None}


def _short(name: str) -> str:
    return name if len(name) <= _LABEL_LETTERS else name[: _LABEL_LETTERS - 1] + "…"
