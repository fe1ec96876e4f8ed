"""Pieces of the local runner that need no pipeline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.pipeline.local.log_capture import redirect_output
from diptych.pipeline.local.runner import RunLockedError, RunPathError, _locked, run_pipeline
from diptych.pipeline.runs.run_folder import RunFolder
from diptych.pipeline.settings import Settings


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    with _locked(run), pytest.raises(RunLockedError, match="another run"), _locked(run):
        pass


@pytest.mark.parametrize("name", ["[1]", "what?", "a*"])
def test_a_folder_that_tfx_takes_for_a_pattern_is_refused(tmp_path: Path, name: str) -> None:
    """TFX would find no file in it, and steps would run on no data."""
    settings = Settings(data={"catalogue": "rows.csv"})
    with pytest.raises(RunPathError, match=r"without any of \* \? \["):
        run_pipeline(settings, str(tmp_path / name))
    assert not (tmp_path / name).exists()


def test_noise_goes_to_the_log_and_only_the_console_to_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "pipeline.log"
    code = (
        "import logging, os, sys\n"
        "from diptych.pipeline.local.log_capture import redirect_output\n"
        f"with redirect_output({str(log)!r}) as console:\n"
        "    print('python noise'); os.write(2, b'native noise\\n'); logging.warning('logged noise')\n"
        "    console.print('progress')\n"
        "print('afterwards')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=os.getcwd())
    assert done.stdout.split() == ["progress", "afterwards"]
    assert done.stderr == ""
    assert all(f"{kind} noise" in log.read_text() for kind in ("python", "native", "logged"))


def test_the_output_is_given_back_after_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="boom"), redirect_output(str(tmp_path / "log")):
        raise ValueError("boom")
    os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"
