"""The peak memory of a command and all the processes that it starts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from threading import Thread

import psutil

from benchmarks.tools import ROOT, BenchmarkError, child_environment

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class PeakMemory:
    """Peak memory in bytes.

    Attributes:
        total: the greatest sum of the resident sets of all processes; a page that several share is counted for each.
        largest: the greatest resident set of a single process.
    """

    total: int = 0
    largest: int = 0

    def updated(self, resident: Sequence[int]) -> PeakMemory:
        """The peak after the resident sets of all processes were measured once more."""
        return PeakMemory(max(self.total, sum(resident)), max(self.largest, *resident)) if resident else self


def measure_peak_by_stage(command: Sequence[str], stage_of: Callable[[str], str | None]) -> dict[str, PeakMemory]:
    """Runs a command in the checkout and measures its processes ten times a second, for each of its stages.

    Args:
        stage_of: the stage whose end a line of the command's output tells; None if it tells none.

    Raises:
        BenchmarkError: it failed; the message ends with its output.
    """
    peaks: list[PeakMemory] = [PeakMemory()]
    stages: list[str] = []
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout

        def follow(output: Iterable[str]) -> None:
            for line in output:
                lines.append(line)
                if stage := stage_of(line):
                    stages.append(stage)
                    peaks.append(PeakMemory())

        reader = Thread(target=follow, args=(process.stdout,))
        reader.start()
        while process.poll() is None:
            peaks[-1] = peaks[-1].updated(_resident_sets(process.pid))
            time.sleep(_POLL_SECONDS)
        reader.join()
    if process.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {process.returncode}:\n{''.join(lines)[-4000:]}")
    return dict(zip(stages, peaks, strict=False))


def measure_peak_memory(command: Sequence[str]) -> PeakMemory:
    """Runs a command in the checkout and measures its processes ten times a second.

    Raises:
        BenchmarkError: it failed; the message ends with its output.
    """
    peak = PeakMemory()
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        with subprocess.Popen(command, cwd=ROOT, env=child_environment(), stdout=output, stderr=output) as process:
            while process.poll() is None:
                peak = peak.updated(_resident_sets(process.pid))
                time.sleep(_POLL_SECONDS)
        if process.returncode:
            output.seek(0)
            raise BenchmarkError(f"{' '.join(command)} ended with {process.returncode}:\n{output.read()[-4000:]}")
    return peak


def _resident_sets(pid: int) -> list[int]:
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
    sizes = []
    for process in processes:
        try:
            sizes.append(process.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return sizes
