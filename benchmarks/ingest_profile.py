"""Where ingestion's time goes, by step: samples of py-spy over the component's processes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.ingest_environment import ready_program
from benchmarks.tools import ROOT, python, show, timed

_RATE = 200
_IMPORTS = "importing modules"
_ROWS = 30
# function (file:line), or without the line.
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^()]+\.py|<[^()]+>)(:\d+)?\)")
_OURS = ("components/", "models/")
# Threads that wait inside such a function look busy to py-spy. A frame that is none is a whole thread of a library.
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
    """Runs Diptych's contender under py-spy and prints a table of shares of its processes' busy time."""
    stacks = folder / "stacks.txt"
    record = [ready_program("py-spy"), "record", "--subprocesses", "--full-filenames", "--format", "raw"]
    run = python("-m", "benchmarks.ingest_peers.run", "diptych", str(catalogue), str(folder / "out"))
    timed([*record, "--rate", str(_RATE), "--output", str(stacks), "--", *run])
    shares = Counter[str]()
    for frames, samples in _read_stacks(stacks):
        if frames and _place(frames[-1]) not in _WAITING:
            shares[_step(frames)] += samples
    imports = shares.pop(_IMPORTS)
    total = sum(shares.values())
    rows = [(step, samples / _RATE, 100 * samples / total) for step, samples in shares.most_common(_ROWS)]
    rest = total - sum(samples for _, samples in shares.most_common(_ROWS))
    rows.append(("the rest", rest / _RATE, 100 * rest / total))
    show("Busy time of all processes, by Diptych's innermost function: what it called", ("step", "s", "%"), rows)
    print(f"and {imports / _RATE:.1f} s of importing modules, in all processes")


def _read_stacks(file: Path) -> Iterator[tuple[list[re.Match[str]], int]]:
    """Python's frames from outermost to innermost, and how often they were seen."""
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
    """The file's path in the checkout, if it is of the code that ingests."""
    path = file.removeprefix(f"{ROOT}/")
    return path if path.startswith(_OURS) else None


def _library(file: str) -> str | None:
    """The installed package that a file belongs to; None for Python's own."""
    _, found, path = file.partition("/site-packages/")
    return path.partition("/")[0].removesuffix(".py") if found else None
