"""Commands that are told to end do so, whatever they are doing, and leave nothing behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.paths import ROOT

MOMENTS = 4
COMMANDS = {
    "SIGTERM": ["check", "shop.jsonl", "--html"],
    "SIGINT": ["init", "shop.jsonl", "--force"],
    "SIGHUP": ["init", "shop.jsonl", "--force"],
}
# Does something that no exception ends, with a process of its own, and says when it has begun.
BUSY = """
import subprocess, sys
from diptych.pipeline.cli import stopping
{limits}
with stopping.stoppable():
    child = subprocess.Popen(["sleep", "1000"])
    {work}
"""
# A library that takes every exception for its own, and one that works in C.
SWALLOWED = """
    while True:
        try: print(child.pid, flush=True); {work}
        except BaseException: pass
"""
WORKS = {
    "in Python": "import time; time.sleep(1000)",
    "in C": "import sqlite3; sqlite3.connect(':memory:').execute('WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
    "i + 1 FROM n) SELECT count(*) FROM n').fetchone()",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a catalogue."""
    rows = []
    for number in range(12):
        Image.new("RGB", (9, 9), (9 * number, 0, 200)).save(tmp_path / f"{number}.png")
        rows.append((f"{number}.png", f"a text of number {number}", ("cat", "dog")[number % 2]))
    keys = ("image", "description", "label")
    lines = [json.dumps(dict(zip(keys, row, strict=True))) for row in rows]
    (tmp_path / "shop.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.mark.promise(
    "A command that gets SIGTERM, Ctrl-C or SIGHUP at any moment ends with 143, 130 or 129 and one sentence, and "
    "leaves neither a process nor a temporary file"
)
def test_a_command_ends_at_any_moment_and_leaves_nothing(folder: Path, record_property: pytest.RecordProperty) -> None:
    ended = 0
    for name, arguments in COMMANDS.items():
        call = [sys.executable, "-m", "tests.pipeline.cli.stopped_commands", name, str(MOMENTS), *arguments]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        for found in json.loads(done.stdout):
            assert found["code"] == 128 + signal.Signals[name], found["said"]
            assert found["said"].count("\n") == 1
            assert found["said"].startswith("diptych: stopped by ")
            assert found["left"] == []
            assert found["processes"] == []
            ended += 1
    assert not list(folder.glob(".*.part"))
    record_property("figure", f"{ended} signals at {ended} moments of check and init: nothing was left")


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize(
    ("limits", "signals"),
    [("stopping._GRACE_SECONDS = 0.3", 1), ("stopping._GRACE_SECONDS, stopping._REPEAT_SECONDS = 900, 0", 2)],
)
def test_what_hinders_the_end_is_cut_off_after_a_while_or_when_told_again(work: str, limits: str, signals: int) -> None:
    program = BUSY.format(limits=limits, work=SWALLOWED.format(work=WORKS[work]))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        child = os.pidfd_open(int(process.stdout.readline()))
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            if signals > 1:
                # Two that come at the same time are one.
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.3)
                signals -= 1
        assert process.wait() == 128 + signal.SIGTERM
        assert "diptych: stopped by SIGTERM" in process.stderr.read()
    # It has been killed, and ends as soon as it is its turn.
    assert select.select([child], [], [], 60)[0]
    os.close(child)


# What main loads first, something in between, and what the last commands need.
@pytest.mark.parametrize(
    "module", ["diptych.pipeline.cli.command_line", "argparse", "diptych.kubeflow.client.arguments"]
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_command_that_is_still_being_loaded(module: str, number: signal.Signals) -> None:
    program = (
        "import os, sys\n"
        "def stop(event, details):\n"
        f"    if event == 'import' and details[0] == {module!r}: os.kill(os.getpid(), {number:d})\n"
        "from diptych.pipeline.cli.main import main\n"
        "sys.addaudithook(stop)\n"
        "sys.argv = ['diptych', '--version']\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (128 + number, "")
    assert done.stderr.startswith("diptych: stopped by ")
    assert done.stderr.count("\n") == 1


def test_what_nohup_has_switched_off_stays_so() -> None:
    program = (
        "import os, signal\n"
        "from diptych.pipeline.cli.stopping import stoppable\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with stoppable():\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "print('goes on')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "goes on\n"
