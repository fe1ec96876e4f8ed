"""What running steps report, and how durations are said."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from diptych.models.progress import LOGGER, FeatureProgress, describe_duration


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


def test_features_are_reported_about_once_a_second_and_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    seconds = iter([0.0, 0.5, 1.1, 1.1, 1.9, 2.0])
    progress = FeatureProgress(100, clock=lambda: next(seconds))
    with caplog.at_level(logging.INFO, LOGGER.name):
        for images in (40, 30, 20, 10):
            progress.add(images)
    told: list[Any] = [vars(record)["details"] for record in caplog.records]
    assert told == [{"images": 70, "of": 100}, {"images": 100, "of": 100}]
