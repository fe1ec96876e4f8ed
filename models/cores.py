"""The processor cores that this process may use."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

# Linux, cgroup v2: "quota period" in microseconds, or "max period".
_CPU_LIMIT_FILE = Path("/sys/fs/cgroup/cpu.max")


def count_cores() -> int:
    """The number of cores that the system and the container's CPU limit, rounded up, let this process use."""
    return min(len(os.sched_getaffinity(0)), _cores_granted())


def _cores_granted() -> int:
    """The container's CPU limit in cores, rounded up; without a limit, a very large number."""
    try:
        quota, period = _CPU_LIMIT_FILE.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return sys.maxsize
