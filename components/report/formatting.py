"""How numbers and texts are written on the page: filters of the templates."""

from __future__ import annotations

import base64
import math

_NONE = "–"


def format_count(value: float | None) -> str:
    """A number of things: ``1,234``."""
    return _NONE if value is None else f"{round(value):,}"


def pluralize(number: int, noun: str) -> str:
    """A number with its noun: ``1 group``, ``2 groups``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


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


def shorten(text: str, length: int) -> str:
    """A text, cut to at most ``length`` characters."""
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
    "shorten": shorten,
    "metric_title": metric_title,
    "base64": encode_base64,
}
