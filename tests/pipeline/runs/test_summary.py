"""The summary of a run, and the messages of its failures."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.pipeline.runs.summary import Summary, explain_error, print_summary


def test_our_own_errors_speak_for_themselves() -> None:
    assert explain_error(CatalogueError("there is no row")) == "there is no row"


def test_beams_step_is_left_out() -> None:
    assert explain_error(CatalogueError("there is no row [while running 'ReadRows']")) == "there is no row"


def test_foreign_errors_are_named() -> None:
    assert explain_error(KeyError("label")) == "KeyError: 'label'"
    assert explain_error(MemoryError()) == "MemoryError"


def test_a_summary_is_written_whole(tmp_path: Path) -> None:
    summary = Summary(status="succeeded", rows=3, examples={"train": 1, "val": 1, "test": 1}, folder=str(tmp_path))
    summary.write()
    assert Summary.model_validate_json((tmp_path / "summary.json").read_text()) == summary
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_what_did_not_finish_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(Summary(status="failed", unfinished=["Trainer", "Evaluator"], folder="runs/shop"), Console(width=200))
    assert "Trainer, Evaluator" in next(
        line for line in capsys.readouterr().out.splitlines() if line.startswith("Not finished")
    )
