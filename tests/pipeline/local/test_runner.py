"""Pieces of the local runner that need no pipeline."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from diptych.pipeline.local.log_capture import redirect_output
from diptych.pipeline.runs.run_folder import RunFolder
from diptych.pipeline.runs.run_lock import RunLockedError


@pytest.mark.promise("Of runs that start in one folder at once one works; the others are refused, and change nothing")
def test_of_ten_starts_at_once_one_works(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    run, context = RunFolder(str(tmp_path)), multiprocessing.get_context("fork")
    together, outcomes = context.Barrier(10), context.SimpleQueue()

    def start() -> None:
        together.wait()
        try:
            with run.locked():
                outcomes.put("works")
                together.wait()
        except RunLockedError:
            outcomes.put("refused")
            together.wait()

    processes = [context.Process(target=start) for _ in range(10)]
    for process in processes:
        process.start()
    counts = Counter(outcomes.get() for _ in processes)
    for process in processes:
        process.join()
    assert counts == {"works": 1, "refused": 9}
    record_property("figure", f"{len(processes)} starts at once: {counts['works']} works, {counts['refused']} refused")


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


def test_a_log_that_cannot_be_written_hides_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    def fill_the_disk() -> None:
        logging.getLogger().error("a line")
        with suppress(OSError):
            sys.stdout.write("another line\n")
        raise OSError(errno.ENOSPC, "No space left on device", "/data/file")

    with pytest.raises(OSError, match="/data/file"), redirect_output("/dev/full"):
        fill_the_disk()
    os.write(2, b"back\n")
    assert capfd.readouterr().err.endswith("back\n")
