"""``python -m tests.pipeline.cli.stopped_commands SIGNAL MOMENTS COMMAND ...``: a command that is told to end.

It prints JSON: for each of so many moments, evenly spread over the calls of functions that the command makes, the exit
code, what was said on standard error, the files that are left in the temporary folder, and the processes that are left.
Each command runs in a fork of a process that has imported what commands need.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from diptych.pipeline.cli import command_line  # noqa: F401
from diptych.pipeline.cli.main import main
from diptych.pipeline.prepare import check, check_page, init, preview  # noqa: F401


def run_in_fork(arguments: list[str], number: int, moment: int, folder: Path) -> dict[str, Any]:
    """Runs a command, which gets a signal at one of its calls; 0 for none."""
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        for descriptor in (1, 2):
            os.dup2(os.open(folder / str(descriptor), os.O_WRONLY | os.O_CREAT), descriptor)
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        sys.argv = ["diptych", *arguments]
        calls = count_calls(number, moment)
        code = main()
        sys.setprofile(None)
        (folder / "calls").write_text(str(len(calls)))
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "said": (folder / "2").read_text(),
        "left": os.listdir(temporary),
        "processes": wait_for_end(pid),
    }


def count_calls(number: int, moment: int) -> list[None]:
    """Sends a signal to this process at one of the calls of functions; the list grows by each call."""
    calls: list[None] = []

    def count(_: FrameType, event: str, __: Any) -> None:
        if event == "call":
            calls.append(None)
            if len(calls) == moment:
                os.kill(os.getpid(), number)

    sys.setprofile(count)
    return calls


def wait_for_end(session: int) -> list[str]:
    """The processes of a session that do not end by themselves within some seconds; those that have ended count not."""
    for _ in range(100):
        alive = [stat for stat in map(read_stat, os.listdir("/proc")) if stat[5:6] == [str(session)] and stat[2] != "Z"]
        if not alive:
            return []
        time.sleep(0.1)
    return [stat[1] for stat in alive]


def read_stat(process: str) -> list[str]:
    try:
        return Path("/proc", process, "stat").read_text().split()
    except OSError:
        return []


def tell_to_end(name: str, moments: int, arguments: list[str]) -> list[dict[str, Any]]:
    number = signal.Signals[name]
    # Not a TemporaryDirectory: a fork that ends removes what Python would remove at its end.
    folder = Path(tempfile.mkdtemp(dir="."))
    run_in_fork(arguments, number, 0, folder / "whole")
    calls = int((folder / "whole" / "calls").read_text())
    return [stop_at((place + 1) / (moments + 1), calls, number, arguments, folder) for place in range(moments)]


def stop_at(part: float, calls: int, number: int, arguments: list[str], folder: Path) -> dict[str, Any]:
    """Runs a command that gets the signal after a part of so many calls."""
    moment = int(calls * part)
    own = folder / f"{part}-{moment}"
    found = run_in_fork(arguments, number, moment, own)
    made = int((own / "calls").read_text()) if (own / "calls").exists() else moment
    # How often a command looks after what it waits for depends on the machine: this time, it had ended before.
    return stop_at(part, made, number, arguments, folder) if made < moment else found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(tell_to_end(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
