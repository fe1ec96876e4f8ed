"""Pieces of the local runner that need no pipeline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.pipeline.local.log_capture import captured_output
from diptych.pipeline.local.runner import RunLockedError, _locked, explain
from diptych.pipeline.runs.summary import Summary


def test_our_own_errors_speak_for_themselves() -> None:
    assert explain(CatalogueError("there is no row")) == "there is no row"


def test_beams_step_is_left_out() -> None:
    assert explain(CatalogueError("there is no row [while running 'ReadRows']")) == "there is no row"


def test_foreign_errors_are_named() -> None:
    assert explain(KeyError("label")) == "KeyError: 'label'"
    assert explain(MemoryError()) == "MemoryError"


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    with _locked(str(tmp_path)), pytest.raises(RunLockedError, match="another run"), _locked(str(tmp_path)):
        pass


def test_noise_goes_to_the_log_and_only_the_console_to_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "pipeline.log"
    code = (
        "import logging, os, sys\n"
        "from diptych.pipeline.local.log_capture import captured_output\n"
        f"with captured_output({str(log)!r}) as console:\n"
        "    print('python noise'); os.write(2, b'native noise\\n'); logging.warning('logged noise')\n"
        "    console.print('progress')\n"
        "print('afterwards')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=os.getcwd())
    assert done.stdout.split() == ["progress", "afterwards"]
    assert done.stderr == ""
    assert all(f"{kind} noise" in log.read_text() for kind in ("python", "native", "logged"))


def test_the_output_is_given_back_after_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="boom"), captured_output(str(tmp_path / "log")):
        raise ValueError("boom")
    os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"


def test_a_summary_is_written_whole(tmp_path: Path) -> None:
    summary = Summary(status="succeeded", rows=3, examples={"train": 1, "val": 1, "test": 1}, folder=str(tmp_path))
    summary.write()
    assert Summary.model_validate_json((tmp_path / "summary.json").read_text()) == summary
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
