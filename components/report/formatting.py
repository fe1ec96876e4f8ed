"""How numbers and texts are written on the page: filters of the templates."""

from __future__ import annotations

import base64
import math

from diptych.models.counts import pluralize
from diptych.models.shown_text import show_text

_NONE = "–"


def format_count(value: float | None) -> str:
    """A number of things: ``1,234``."""
    return _NONE if value is None else f"{round(value):,}"


def format_number(value: float | None) -> str:
    """A measurement with four significant digits: ``195.9``, ``19,584``, ``-3.38e+18``."""
    if value is None or not math.isfinite(value):
        return _NONE
    size = abs(value)
    if size and not 1e-4 <= size < 1e9:
        return f"{value:.3g}"
    return f"{value:,.0f}" if size >= 1000 else f"{value:.4g}"


def format_percent(share: float | None) -> str:
    """A share of 1: ``92.6%``."""
    if share is None or not math.isfinite(share):
        return _NONE
    return "<0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def format_points(difference: float | None) -> str:
    """A difference between two shares of 1, in percentage points: ``+2.9``, ``−0.4``."""
    if difference is None or not math.isfinite(difference):
        return _NONE
    difference *= 100
    return f"{difference:+.1f}".replace("-", "−") if abs(difference) >= 0.05 else "0.0"


def format_percent_range(interval: tuple[float, float]) -> str:
    """An interval of shares of 1: ``91.2 to 93.9``."""
    low, high = interval
    return f"{100 * low:.1f} to {100 * high:.1f}"


def format_points_range(interval: tuple[float, float]) -> str:
    """An interval of differences, in percentage points: ``−0.4 to +2.9``."""
    low, high = interval
    return f"{format_points(low)} to {format_points(high)}"


def shorten(text: str, length: int) -> str:
    """A text as it may be shown, cut to at most ``length`` characters: half a URL would show half a password."""
    text = show_text(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def metric_title(name: str) -> str:
    """The title of a metric: ``Macro F1`` for ``macro_f1``."""
    return name.replace("_", " ").capitalize().replace(" f1", " F1")


def encode_base64(content: bytes) -> str:
    """Bytes in Base64, as ``data:`` URIs hold them."""
    return base64.b64encode(content).decode()


#: Name in the templates to filter.
FILTERS = {
    "count": format_count,
    "pluralize": pluralize,
    "number": format_number,
    "percent": format_percent,
    "points": format_points,
    "percent_range": format_percent_range,
    "points_range": format_points_range,
    "shorten": shorten,
    "shown": show_text,
    "metric_title": metric_title,
    "base64": encode_base64,
}
