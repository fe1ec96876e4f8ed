"""How long the rest of a run takes is estimated by earlier runs, and by the pace of this one."""

from __future__ import annotations

import io

import pytest
from absl import logging as absl_logging
from rich.console import Console

from diptych.models.progress import report_progress
from diptych.pipeline.local.progress import ProgressHandler, follow_progress
from diptych.pipeline.local.time_left import Plan
from diptych.pipeline.local.view import PlainView

STEPS = ["ImageTextExampleGen", "Transform", "Trainer", "Evaluator"]
EARLIER = {"ImageTextExampleGen": 10.0, "Transform": 20.0, "Trainer": 60.0, "Evaluator": 30.0}


def test_what_comes_takes_as_long_as_earlier() -> None:
    plan = Plan(STEPS, EARLIER)
    assert plan.seconds_after("Transform", rows=5) == 90.0
    assert plan.seconds_after("Evaluator", rows=5) == 0.0
    assert plan.pace({"ImageTextExampleGen": 20.0}, rows=5) == 2.0
    assert plan.pace({}, rows=5) is None


def test_without_an_earlier_run_more_rows_take_longer() -> None:
    plan = Plan(STEPS)
    few, many = (plan.seconds_after("ImageTextExampleGen", rows) for rows in (1000, 10_000))
    assert 0 < few < many < 10 * few


@pytest.fixture
def at_training(monkeypatch: pytest.MonkeyPatch) -> ProgressHandler:
    """A run twice as slow as the earlier one, ten seconds into training."""
    now = [0.0]
    monkeypatch.setattr("diptych.pipeline.local.progress.time.monotonic", lambda: now[0])
    with follow_progress(PlainView(Console(file=io.StringIO()))) as handler:
        handler.plan = Plan(STEPS, EARLIER)
        for step, seconds in (("ImageTextExampleGen", 20.0), ("Transform", 40.0)):
            absl_logging.info("Component %s is running.", step)
            now[0] += seconds
            absl_logging.info("Component %s is finished.", step)
        absl_logging.info("Component %s is running.", "Trainer")
        now[0] += 10.0
        assert handler.describe_run() == "step 3 of 4, about 2 min 50 s left"
        report_progress("steps", epoch=1, epochs=2, share=0.5, seconds_left=15.0)
    return handler


def test_what_training_says_of_itself_counts_more(at_training: ProgressHandler) -> None:
    assert at_training.describe_run() == "step 3 of 4, about 1 min 20 s left"


def test_where_earlier_results_are_used_nothing_is_estimated() -> None:
    with follow_progress(PlainView(Console(file=io.StringIO()))) as handler:
        handler.plan = Plan(STEPS, EARLIER)
        absl_logging.info("Component %s is running.", "ImageTextExampleGen")
        absl_logging.info("A cached execution %d is used.", 7)
        absl_logging.info("Component %s is finished.", "ImageTextExampleGen")
        absl_logging.info("Component %s is running.", "Transform")
        assert handler.describe_run() == "step 2 of 4"
