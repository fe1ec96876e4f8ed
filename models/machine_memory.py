"""The memory that this process may use."""

from __future__ import annotations

import os
from pathlib import Path

# Linux, cgroup v2: bytes, or "max".
_MEMORY_LIMIT_FILE = Path("/sys/fs/cgroup/memory.max")


def count_memory() -> int:
    """The bytes of memory that this machine has, or that the container's limit lets it use."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(installed, int(_MEMORY_LIMIT_FILE.read_text(encoding="ascii")))
    except (OSError, ValueError):
        return installed
