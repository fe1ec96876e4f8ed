"""The progress of a run is shown on terminals and in pipes."""

from __future__ import annotations

import io
import re
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from absl import logging as absl_logging
from rich.console import Console

from diptych.models import machine_memory, step_usage
from diptych.models.progress import report_progress, reporting_part
from diptych.pipeline.local.log_capture import silence_output
from diptych.pipeline.local.progress import ProgressHandler, follow_progress
from diptych.pipeline.local.time_left import Plan
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


def test_the_memory_of_each_component_is_its_own_peak() -> None:
    with follow_progress(PlainView(Console(file=io.StringIO()))) as handler:
        for component, size in (("Transform", 300_000_000), ("Evaluator", 0)):
            absl_logging.info("Component %s is running.", component)
            held = b"1" * size
            del held
            absl_logging.info("Component %s is finished.", component)
    assert handler.memory["Transform"] > handler.memory["Evaluator"] + 250_000_000
    assert {step: (usage.seconds, usage.memory) for step, usage in step_usage.ENDED.items()} == {
        step: (handler.seconds[step], handler.memory[step]) for step in handler.seconds
    }


@pytest.mark.parametrize("status", [None, "Name:\tpython\n"], ids=["no such file", "no such line"])
def test_memory_is_unknown_where_the_system_does_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str | None
) -> None:
    monkeypatch.setattr(machine_memory, "_PROCESS", tmp_path if status else tmp_path / "none")
    if status:
        (tmp_path / "status").write_text(status)
    handler = follow(PlainView(Console(file=io.StringIO())))
    assert (list(handler.seconds), handler.memory) == (["ImageTextExampleGen", "StatisticsGen"], {})


def test_plain_lines_tell_ends_and_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.pipeline.local.view._QUIET_SECONDS", 0.0)
    monkeypatch.setattr("diptych.pipeline.local.view._QUIET_SHARE", 0.0)
    out = io.StringIO()
    follow(PlainView(Console(file=out)))
    shown = out.getvalue()
    assert re.search(r"ImageTextExampleGen  done in [0-9.]+ s, 30 rows", shown)
    assert "StatisticsGen        cached" in shown
    assert "Trainer              a search" in shown
    assert "Trainer              epoch 1/9, loss 0.5000, accuracy 0.2500" in shown
    assert "Trainer              epoch 2/9 40%, loss 0.5000, accuracy 0.2500" in shown


def test_features_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.pipeline.local.view._QUIET_SECONDS", 0.0)
    monkeypatch.setattr("diptych.pipeline.local.view._QUIET_SHARE", 0.0)
    out = io.StringIO()
    with follow_progress(PlainView(Console(file=out))):
        absl_logging.info("Component %s is running.", "Trainer")
        for images in (64, 1640):
            report_progress("features", images=images, of=1640)
    assert out.getvalue().splitlines() == [
        "Trainer              features of 64/1,640 images",
        "Trainer              features of 1,640/1,640 images",
    ]


def test_a_part_of_a_step_is_named_and_the_metrics_are_those_of_val(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.pipeline.local.view._QUIET_SECONDS", 0.0)
    out = io.StringIO()
    with follow_progress(PlainView(Console(file=out))):
        absl_logging.info("Component %s is running.", "Tuner")
        metrics = {"loss": 0.5, "accuracy": 0.25, "val_loss": 0.125, "val_accuracy": 0.75}
        with reporting_part("trial 2/9", None):
            report_progress("note", text="nobody asked")
            report_progress("epoch", epoch=1, epochs=4, seconds_left=3.0, **metrics)
    (line,) = out.getvalue().splitlines()
    assert line == "Tuner                trial 2/9: epoch 1/4, val loss 0.1250, accuracy 0.7500"


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


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_are_few_however_long_a_step_takes_and_never_far_apart() -> None:
    out, clock = io.StringIO(), Clock()
    view = PlainView(Console(file=out), clock)
    view.start("Trainer")
    said: list[float] = []
    for second in range(24 * 3600):
        clock.now = float(second)
        view.update("Trainer", f"second {second}")
        if out.getvalue():
            said.append(clock.now)
            out.seek(0)
            out.truncate()
    view.close()
    in_an_hour = [time for time in said if time < 3600]
    assert said[0] == 10.0
    assert 10 < len(in_an_hour) < 40
    assert len(said) < 330
    assert max(after - before for before, after in pairwise(said)) <= 300.0


def test_a_silent_step_is_told_to_be_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.pipeline.local.view._QUIET_SECONDS", 0.01)
    out, clock = io.StringIO(), Clock()
    view = PlainView(Console(file=out), clock)
    view.start("Evaluator")
    clock.now = 400.0
    for _ in range(500):
        if out.getvalue():
            break
        time.sleep(0.01)
    view.close()
    assert out.getvalue() == "Evaluator            at work\n"


def live_screen(width: int, height: int = 24) -> str:
    """What a terminal of this size was sent, without escape sequences."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=height)
    view = make_view(console)
    assert isinstance(view, LiveView)
    with follow_progress(view) as handler:
        handler.plan = Plan(["ImageTextExampleGen", "Trainer"])
        view.start("TensorFlow and TFX")
        view.finish("TensorFlow and TFX", 2.0, "loaded")
        absl_logging.info("Component %s is running.", "ImageTextExampleGen")
        report_progress("rows", rows=1_234_567)
        absl_logging.info("Component %s is finished.", "ImageTextExampleGen")
        absl_logging.info("Component %s is running.", "Trainer")
        report_progress("note", text="a search " + "that finds many words to say " * 6)
        metrics = {"loss": 0.5, "accuracy": 0.25, "val_loss": 0.125, "val_accuracy": 0.75}
        report_progress("epoch", epoch=18, epochs=300, seconds_left=80.4, **metrics)
        report_progress("steps", epoch=19, epochs=300, seconds_left=4000.0, share=0.4)
        view._live.refresh()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    assert max(map(len, live_screen(width).splitlines())) <= width


def test_a_terminal_of_80_columns_shows_names_times_epochs_and_what_is_left_of_the_run() -> None:
    lines = [line.rstrip() for line in live_screen(80).splitlines()]
    assert any(re.fullmatch(r"✓ ImageTextExampleGen    0:00 1,234,567 rows, [0-9,]+ rows/s", line) for line in lines)
    assert any(
        re.fullmatch(r". Trainer                0:00 epoch 19/300 40%, val loss 0.1250, accuracy.+", line)
        for line in lines
    )
    assert "  Run                  step 2 of 2, about 1 h 7 min left" in lines
    assert "Trainer              a search that finds many words to say that finds many words" in lines


def test_a_terminal_with_few_lines_shows_the_step_at_work() -> None:
    assert "epoch 19/300 40%" in live_screen(80, height=3)


def test_what_is_no_terminal_gets_plain_lines(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(make_view(Console(file=io.StringIO())), PlainView)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with silence_output() as console:
        assert isinstance(make_view(console), PlainView)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_view(Console(file=io.StringIO(), force_terminal=True)), PlainView)


def test_what_libraries_print_does_not_come_between_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out, log = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", log)
    view = LiveView(Console(file=out, force_terminal=True, width=80))
    sys.stderr.write("Adam\n")
    view.close()
    assert "Adam" in log.getvalue()
    assert "Adam" not in out.getvalue()
