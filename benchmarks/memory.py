"""The peak memory and the processor time of a command and all the processes that it starts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from tempfile import TemporaryFile
from threading import Thread
from typing import TypeVar

import psutil

from benchmarks.tools import ROOT, BenchmarkError, child_environment

_POLL_SECONDS = 0.1

_T = TypeVar("_T")


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


@dataclass(frozen=True)
class StageUse:
    """What a stage of a command took: its peak memory, and seconds of the processor of all processes together."""

    peak: PeakMemory
    cpu_seconds: float


def measure_stages(command: Sequence[str], stage_of: Callable[[str], str | None]) -> dict[str, StageUse]:
    """Runs a command in the checkout and measures its processes ten times a second, for each of its stages.

    Args:
        stage_of: the stage whose end a line of the command's output tells; None if it tells none.

    Raises:
        BenchmarkError: it failed; the message ends with its output.
    """
    peaks: list[PeakMemory] = [PeakMemory()]
    stages: list[str] = []
    # The processor time at the start, and at the end of each stage.
    cpu_times = [0.0]
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
                    cpu_times.append(_cpu_seconds(process.pid))
                    peaks.append(PeakMemory())

        reader = Thread(target=follow, args=(process.stdout,))
        reader.start()
        while process.poll() is None:
            peaks[-1] = peaks[-1].updated(_resident_sets(process.pid))
            time.sleep(_POLL_SECONDS)
        reader.join()
    if process.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {process.returncode}:\n{''.join(lines)[-4000:]}")
    spent = (after - before for before, after in pairwise(cpu_times))
    return {stage: StageUse(peak, seconds) for stage, peak, seconds in zip(stages, peaks, spent, strict=False)}


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
    return list(_of_each(pid, lambda process: int(process.memory_info().rss)))


def _cpu_seconds(pid: int) -> float:
    """Of a process, those that it started, and those among them that have ended."""
    return sum(_of_each(pid, lambda process: sum(process.cpu_times()[:4])))


def _of_each(pid: int, measure: Callable[[psutil.Process], _T]) -> Iterator[_T]:
    """A measure of a process and of all that it started, without those that end meanwhile."""
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            yield measure(process)
