"""One run at a time works in a folder, and who reads in it is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.models.errors import FAILED, USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.runs.report import ReportError, find_sources
from diptych.pipeline.runs.run_folder import EXAMPLES, RunFolder
from diptych.pipeline.runs.run_lock import RunLockedError

# Works in the folder until its input ends.
WORKER = """
import sys
from diptych.pipeline.runs.run_folder import RunFolder
with RunFolder(sys.argv[1]).locked():
    print("works", flush=True)
    sys.stdin.read()
"""


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_the_lock_ends_with_a_killed_process_and_readers_do_not_keep_a_run_out(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path / "run"))
    assert not run.is_going_on()
    with start(Path(run.path)) as killed:
        assert said_by(killed) == "works"
        assert run.is_going_on()
        killed.send_signal(signal.SIGKILL)
    assert not run.is_going_on()
    with run.locked():
        assert run.is_going_on()
        with pytest.raises(RunLockedError, match="another run"), run.locked():
            pass
    assert not run.is_going_on()


def test_who_reads_while_a_run_is_going_on_gets_the_last_that_ended_or_is_told(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path / "run"))
    with run.locked():
        with pytest.raises(RunLockedError, match="a run is going on in .*, and none has ended there: wait for it"):
            run.recorded_artifacts()
        with pytest.raises(ReportError, match="a run is going on in .*, and has made nothing yet: wait for it"):
            find_sources(run.path)
        (tmp_path / "run" / "artifacts" / "ImageTextExampleGen" / "examples" / "3").mkdir(parents=True)
        assert "what it has made so far" in find_sources(run.path).going_on
        Path(run.summary_file).write_text(json.dumps({"artifacts": {"ImageTextExampleGen": {"examples": "/e/1"}}}))
        assert run.recorded_artifacts() == {EXAMPLES: "/e/1"}
        assert "the last one that ended" in find_sources(run.path).going_on
    assert find_sources(run.path).going_on == ""


@pytest.mark.parametrize("arguments", [["digest"], ["export", "--to", "parquet", "--output", "x"], ["report"]])
def test_commands_that_read_are_refused_in_a_sentence(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with RunFolder(str(tmp_path)).locked():
        assert main([arguments[0], str(tmp_path), *arguments[1:]]) == USAGE
    assert f"a run is going on in '{tmp_path}'" in capfd.readouterr().err


def test_a_second_demo_does_not_write_over_the_images_of_the_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with RunFolder(str(tmp_path)).locked():
        assert main(["demo", "--output", str(tmp_path)]) == USAGE
    assert "another run works in" in capfd.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_lock_that_cannot_be_opened_is_told_with_its_path(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / ".lock"
    lock.mkdir()
    assert not RunFolder(str(tmp_path)).is_going_on()
    assert main(["demo", "--output", str(tmp_path)]) == FAILED
    assert f"'{lock}': is a directory" in capfd.readouterr().err
