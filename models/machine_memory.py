"""The memory that this process may use, and that it uses."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path

# Linux, cgroup v2: bytes, or "max".
_MEMORY_LIMIT_FILE = Path("/sys/fs/cgroup/memory.max")
_PROCESS = Path("/proc/self")
# Linux, Documentation/filesystems/proc.rst: "to reset the peak resident set size to the process's current value".
_RESET_PEAK = "5"


def count_memory() -> int:
    """The bytes of memory that this machine has, or that the container's limit lets it use."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(installed, int(_MEMORY_LIMIT_FILE.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return installed


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
