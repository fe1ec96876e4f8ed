"""Shows in which functions ingestion spends its time, by sampling all its processes with py-spy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.peer_environment import peer_program
from benchmarks.tools import ROOT, print_table, python_command, run_timed

_RATE = 200
_IMPORTS = "importing modules"
_ROWS = 30
# A frame as py-spy writes it: function (file:line), or without the line.
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]+\.py|<[^()]+>)(:\d+)?\)")
_INGESTION_CODE = ("components/", "models/")
# Functions in which threads wait, although py-spy counts them as busy.
_WAITING = {
    ("thread.py", "_worker"),
    ("threading.py", "_wait_for_tstate_lock"),
    ("threading.py", "run"),
    ("channel.py", "unix_poll"),
    ("process.py", "pool_manager_loop"),
    ("_server.py", "_serve"),
    ("resource_tracker.py", "main"),
    ("forkserver.py", "main"),
}


def profile(catalogue: Path, folder: Path) -> None:
    """Runs Diptych's ingestion under py-spy and prints how its processes' busy time is shared among functions."""
    stacks = folder / "stacks.txt"
    record = [peer_program("py-spy"), "record", "--subprocesses", "--full-filenames", "--format", "raw"]
    run = python_command("-m", "benchmarks.ingest_peers.run", "diptych", str(catalogue), str(folder / "out"))
    run_timed([*record, "--rate", str(_RATE), "--output", str(stacks), "--", *run])
    shares = Counter[str]()
    for frames, samples in _read_stacks(stacks):
        if frames and _place(frames[-1]) not in _WAITING:
            shares[_step(frames)] += samples
    imports = shares.pop(_IMPORTS)
    total = sum(shares.values())
    rows = [(step, samples / _RATE, 100 * samples / total) for step, samples in shares.most_common(_ROWS)]
    rest = total - sum(samples for _, samples in shares.most_common(_ROWS))
    rows.append(("the rest", rest / _RATE, 100 * rest / total))
    print_table("Busy time of all processes, by Diptych's innermost function: what it called", ("step", "s", "%"), rows)
    print(f"and {imports / _RATE:.1f} s of importing modules, in all processes")


def _read_stacks(file: Path) -> Iterator[tuple[list[re.Match[str]], int]]:
    """Yields stacks, each as Python frames from the outermost to the innermost, and the number of samples of each."""
    for line in file.read_text(encoding="utf-8").splitlines():
        stack, _, samples = line.rpartition(" ")
        yield [frame for frame in map(_FRAME.fullmatch, stack.split(";")) if frame], int(samples)


def _step(frames: Sequence[re.Match[str]]) -> str:
    if any("importlib" in frame["file"] for frame in frames):
        return _IMPORTS
    inner = ""
    for frame in reversed(frames):
        if file := _inside(frame["file"]):
            return f"{frame['function']} ({file})" + (f": {inner}" if inner else "")
        inner = _library(frame["file"]) or inner
    return inner or "Python"


def _place(frame: re.Match[str]) -> tuple[str, str]:
    return Path(frame["file"]).name, frame["function"]


def _inside(file: str) -> str | None:
    """The file's path in the checkout if it belongs to the code that ingests, else None."""
    path = file.removeprefix(f"{ROOT}/")
    return path if path.startswith(_INGESTION_CODE) else None


def _library(file: str) -> str | None:
    """The installed package to which a file belongs; None for Python's standard library."""
    _, found, path = file.partition("/site-packages/")
    return path.partition("/")[0].removesuffix(".py") if found else None
