"""What a command takes: seconds, and the most memory of all its processes together."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile

import psutil

from benchmarks.tools import ROOT, BenchmarkError, environment

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Peak:
    """The most memory seen, in bytes.

    Attributes:
        tree: resident sets of the process and all its descendants, added up; pages they share count for each.
        largest: resident set of the largest of them.
    """

    tree: int = 0
    largest: int = 0

    def with_seen(self, resident: Sequence[int]) -> Peak:
        """The greater of both."""
        return Peak(max(self.tree, sum(resident)), max(self.largest, *resident)) if resident else self


def watch(command: Sequence[str]) -> Peak:
    """Runs a command in the checkout and looks at its processes ten times a second.

    Raises:
        BenchmarkError: it failed; the message ends with what it printed.
    """
    peak = Peak()
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=output, stderr=output) as process:
            while process.poll() is None:
                peak = peak.with_seen(_resident(process.pid))
                time.sleep(_POLL_SECONDS)
        if process.returncode:
            output.seek(0)
            raise BenchmarkError(f"{' '.join(command)} ended with {process.returncode}:\n{output.read()[-4000:]}")
    return peak


def _resident(pid: int) -> list[int]:
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
