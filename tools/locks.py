"""The lock files, and what they pin."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
_HEADER = "#    make lock\n"
_PIN = re.compile(r"^([\w.-]+)(?:\[[\w,.-]+\])?==([^\s;\\]+)", re.MULTILINE)


def find_locks() -> list[Path]:
    """What ``make lock`` has written."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.txt"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    paths = [ROOT / name for name in sorted(set(listed))]
    return [path for path in paths if path.exists() and _HEADER in path.read_text(encoding="utf-8")[:200]]


def pins(lock: str) -> dict[str, list[str]]:
    """The versions of each package in a lock's text: several where Python's version or the machine decides."""
    found: dict[str, list[str]] = {}
    for name, version in _PIN.findall(lock):
        found.setdefault(name, []).append(version)
    return found
