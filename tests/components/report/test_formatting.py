"""Numbers are written so that a person reads them at a glance."""

from __future__ import annotations

import math
from typing import Any

import pytest

from diptych.components.report import formatting


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (formatting.format_count, 1234567, "1,234,567"),
        (formatting.format_count, 350.0, "350"),
        (formatting.format_count, None, "–"),
        (formatting.format_number, 195.98329, "196"),
        (formatting.format_number, 0.0123456, "0.01235"),
        (formatting.format_number, 19584.2, "19,584"),
        (formatting.format_number, -3.38e18, "-3.38e+18"),
        (formatting.format_number, 0, "0"),
        (formatting.format_number, math.nan, "–"),
        (formatting.format_percent, 0.92571, "92.6%"),
        (formatting.format_percent, 0.0001, "<0.1%"),
        (formatting.format_percent, 0.0, "0.0%"),
        (formatting.format_percent, None, "–"),
        (formatting.format_points, -0.0042, "−0.4"),
        (formatting.format_points, 0.02857, "+2.9"),
        (formatting.format_points, -1e-9, "0.0"),
    ],
)
def test_numbers_read_well(function: Any, value: float | None, text: str) -> None:
    assert function(value) == text
