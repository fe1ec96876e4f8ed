"""Durations are said as people say them."""

from __future__ import annotations

import pytest

from diptych.models.progress import describe_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (80.0, "1 min 20 s"),
        (3600.0, "1 h"),
        (7500.0, "2 h 5 min"),
    ],
)
def test_durations_have_the_units_that_matter(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text
