"""Fuzzes one target after the other, each in processes forked from this one, and prints a table."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz import worker
from tests.fuzz.corpora import MAX_BYTES, write_corpus
from tests.fuzz.targets import TARGETS
from tests.paths import ROOT

_BUILD = ROOT / "build" / "fuzz"
# Of one input: what is larger or slower is a find.
_LIMITS = ["-rss_limit_mb=1500", "-timeout=20"]
_COLUMNS = ("target", "executions", "edges", "corpus", "finds")
_MAX_CRASHES = 20


def main() -> int:
    """Returns 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all if none is given: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the inputs that reach most in tests/fuzz/corpus")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    # A process that crashes leaves its files.
    with TemporaryDirectory() as tempfile.tempdir:
        found = _fuzz(options.targets or TARGETS, options.seconds, options.keep)
    if found:
        sys.stdout.write(f"What was found is in {_BUILD.relative_to(ROOT)}/*/finds.\n")
    return min(found, 1)


def _fuzz(targets: Iterable[str], seconds: float, keeps: bool) -> int:
    """Prints a row for each target; returns how much was found."""
    _print_row(_COLUMNS)
    found = 0
    for name in targets:
        run = _Run(name)
        run.fuzz(seconds)
        if keeps:
            run.keep()
        _print_row((name, f"{run.executions:,}", f"{run.edges:,}", f"{run.corpus:,}", str(len(run.finds()))))
        found += len(run.finds())
    return found


class _Run:
    """Fuzzing of one target, in its folder below build/fuzz."""

    def __init__(self, target: str) -> None:
        self._target, self._folder = target, _BUILD / target
        self.executions = self.edges = self.corpus = 0
        shutil.rmtree(self._folder / "finds", ignore_errors=True)
        for name in ("corpus", "seeds", "finds"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._inputs = [str(self._folder / name) for name in ("corpus", "seeds")]

    def fuzz(self, seconds: float) -> None:
        """Fuzzes for some seconds; a crash ends a process, and another goes on."""
        end, flags = time.monotonic() + seconds, [*_LIMITS, f"-artifact_prefix={self._folder}/finds/"]
        for _ in range(_MAX_CRASHES):
            left = round(end - time.monotonic())
            if left <= 0:
                return
            self._note(self._work([*flags, f"-max_total_time={left}", *self._inputs]))

    def keep(self) -> None:
        """Keeps inputs that together reach what all reach, the shorter ones first."""
        files = {path.read_bytes(): path for folder in self._inputs for path in Path(folder).iterdir()}
        inputs = sorted(files, key=lambda content: (len(content), content))
        # libFuzzer's own merge does the same, but starts the program anew. It adds a line for each input, with the
        # edges that no input before it reaches.
        control = self._folder / "merge.txt"
        control.write_text("\n".join([str(len(inputs)), "0", *(str(files[content]) for content in inputs)]) + "\n")
        self._work(["-merge_inner=1", f"-merge_control_file={control}"])
        reaching = re.findall(r"^COV (\d+) \d", control.read_text(), re.MULTILINE)
        write_corpus(self._target, (inputs[int(number)] for number in reaching), MAX_BYTES // len(TARGETS))

    def finds(self) -> list[Path]:
        """The inputs that were found."""
        return [path for path in (self._folder / "finds").iterdir() if path.suffix != ".txt"]

    def _work(self, flags: Sequence[str]) -> str:
        """Runs libFuzzer in a process; returns what it printed."""
        log = self._folder / "log.txt"
        # Not started anew: importing and instrumenting takes longer than many a search.
        if (process := os.fork()) == 0:
            with log.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            worker.fuzz(self._target, self._folder, flags)
            os._exit(0)
        os.waitpid(process, 0)
        return log.read_text(encoding="utf-8", errors="replace")

    def _note(self, log: str) -> None:
        self.executions += max(map(int, re.findall(r"^#(\d+)", log, re.MULTILINE)), default=0)
        self.edges = max([self.edges, *map(int, re.findall(r" cov: (\d+)", log))])
        self.corpus = max([self.corpus, *map(int, re.findall(r" corp: (\d+)", log))])


def _print_row(cells: Sequence[str]) -> None:
    name, *numbers = cells
    sys.stdout.write(f"{name:20}" + "".join(f"{number:>12}" for number in numbers) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
