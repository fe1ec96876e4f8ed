"""Prints what the lock files pin differently from the last commit: ``make lock`` ends with it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.locks import ROOT, find_locks, pins

Pins = Mapping[str, Sequence[str]]


def changes(old: Pins, new: Pins) -> Iterator[str]:
    """A line for each package that was added, removed, or is pinned at another version."""
    for name in sorted(old.keys() | new.keys()):
        before, after = ", ".join(old.get(name, ())), ", ".join(new.get(name, ()))
        if not before:
            yield f"+ {name} {after}"
        elif not after:
            yield f"- {name} {before}"
        elif before != after:
            yield f"  {name} {before} -> {after}"


def committed(path: Path) -> str:
    """A file as the last commit has it; empty if it has none."""
    command = ["git", "show", f"HEAD:{path.relative_to(ROOT)}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def main() -> None:
    for path in find_locks():
        new = pins(path.read_text(encoding="utf-8"))
        lines = list(changes(pins(committed(path)), new))
        print(f"{path.relative_to(ROOT)}: {len(lines)} of {len(new)} packages changed since the last commit")
        print(*(f"  {line}\n" for line in lines), sep="", end="")


if __name__ == "__main__":
    main()
