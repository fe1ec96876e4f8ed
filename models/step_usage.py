"""What the steps of a run take of the machine, as far as this process has seen them."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROCESS = Path("/proc/self")
# Linux, Documentation/filesystems/proc.rst: "to reset the peak resident set size to the process's current value".
_RESET_PEAK = "5"


@dataclass(frozen=True)
class StepUsage:
    """What one step took.

    Attributes:
        seconds: wall time.
        memory: in bytes, the most that was resident at once of the process that ran the step, not of processes that it
            started; None where the system does not tell.
    """

    seconds: float
    memory: int | None = None


#: By step, of those that have ended in this process: Report is a step too, and no artifact tells it of the others.
ENDED: dict[str, StepUsage] = {}


def release_memory() -> None:
    """Gives back to the system what this process has freed, which glibc's malloc keeps for later."""
    gc.collect()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def restart_peak_memory() -> None:
    """Lets ``peak_memory`` be the peak since this call; where the system cannot, it stays that of the process."""
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text(_RESET_PEAK)


def peak_memory() -> int | None:
    """The most memory of this process that was resident at once, in bytes; None where the system does not tell."""
    with suppress(OSError):
        for line in (_PROCESS / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None
