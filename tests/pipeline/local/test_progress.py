"""The progress of a run is shown on terminals and in pipes."""

from __future__ import annotations

import io

import pytest
from absl import logging as absl_logging
from rich.console import Console

from diptych.models.progress import report_progress
from diptych.pipeline.local.progress import ProgressHandler, follow_progress
from diptych.pipeline.local.view import LiveView, PlainView, ProgressView, make_view


def follow(view: ProgressView) -> ProgressHandler:
    with follow_progress(view) as handler:
        absl_logging.info("Component %s is running.", "ImageTextExampleGen")
        report_progress("rows", rows=30)
        absl_logging.info("Component %s is finished.", "ImageTextExampleGen")
        absl_logging.info("Component %s is running.", "StatisticsGen")
        absl_logging.info("A cached execution %d is used.", 7)
        absl_logging.info("Component %s is finished.", "StatisticsGen")
        absl_logging.info("Component %s is running.", "Trainer")
        report_progress("note", text="a search")
        report_progress("epoch", epoch=1, epochs=9, seconds_left=80.4, loss=0.5, accuracy=0.25)
        report_progress("steps", epoch=2, epochs=9, seconds_left=None, share=0.4)
    return handler


def test_components_are_timed_and_the_unfinished_one_is_known() -> None:
    handler = follow(PlainView(Console(file=io.StringIO())))
    assert list(handler.seconds) == ["ImageTextExampleGen", "StatisticsGen"]
    assert handler.cached == ["StatisticsGen"]
    assert handler.current == "Trainer"


def test_plain_lines_tell_ends_and_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.pipeline.local.view._QUIET_SECONDS", 0.0)
    out = io.StringIO()
    follow(PlainView(Console(file=out)))
    shown = out.getvalue()
    assert "30 rows" in shown
    assert "rows/s" in shown
    assert "StatisticsGen        cached" in shown
    assert "Trainer              a search" in shown
    assert "epoch 1 of at most 9: loss 0.5000, accuracy 0.2500, about 1 min 20 s left" in shown
    assert "epoch 2/9 at 40%; loss 0.5000, accuracy 0.2500" in shown


def test_damage_is_shown_with_the_component_that_is_to_run_and_kept() -> None:
    out = io.StringIO()
    with follow_progress(PlainView(Console(file=out))) as handler:
        handler.report_damage("'metadata.sqlite' is missing")
        absl_logging.info("Component %s is running.", "Transform")
        handler.report_damage("'words' is empty")
    assert handler.damaged == ["'metadata.sqlite' is missing", "Transform: 'words' is empty"]
    assert out.getvalue().splitlines() == [
        "Metadata             'metadata.sqlite' is missing",
        "Transform            'words' is empty",
    ]


def test_plain_lines_do_not_flood() -> None:
    out = io.StringIO()
    view = PlainView(Console(file=out))
    view.start("ImageTextExampleGen")
    for _ in range(1000):
        view.update("ImageTextExampleGen", "more")
    assert out.getvalue() == ""


def test_a_terminal_gets_live_lines() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    view = make_view(console)
    assert isinstance(view, LiveView)
    follow(view)
    assert "cached" in out.getvalue()
    assert "epoch 2/9 at 40%" in out.getvalue()
    assert "Trainer              a search" in out.getvalue()


def test_what_is_no_terminal_gets_plain_lines() -> None:
    assert isinstance(make_view(Console(file=io.StringIO())), PlainView)
