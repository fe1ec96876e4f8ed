"""What the benchmarks share: arguments, fresh processes and tables."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]


class BenchmarkError(RuntimeError):
    """A measured command failed."""


def make_parser(documentation: str | None, repeat: int | None = None) -> argparse.ArgumentParser:
    """The parser of a benchmark's arguments.

    Args:
        documentation: the module's docstring, of which ``--help`` shows the first line.
        repeat: the default of ``--repeat``; None leaves this option out.
    """
    made = argparse.ArgumentParser(description=(documentation or "").splitlines()[0])
    if repeat:
        made.add_argument("--repeat", type=int, default=repeat, help="how often each side runs (default: %(default)s)")
    return made


def python_command(*arguments: str) -> list[str]:
    """A command that this Python interpreter runs."""
    return [sys.executable, *arguments]


def demo_command(folder: Path, *arguments: str) -> list[str]:
    """The command that runs the demo with its output in a folder."""
    return python_command("-m", "diptych", "demo", "--output", str(folder), *arguments)


def child_environment() -> dict[str, str]:
    """This process's environment with byte code enabled, without which TFX's sources are compiled at every start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_timed(command: Sequence[str]) -> float:
    """Runs a command in the checkout and returns its wall time in seconds.

    Raises:
        BenchmarkError: it failed; the message ends with its output.
    """
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - started
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return seconds


def read_summary(folder: Path) -> dict[str, Any]:
    """``summary.json`` of a run."""
    with open(folder / "summary.json", encoding="utf-8") as file:
        summary: dict[str, Any] = json.load(file)
    return summary


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a table; the first column is aligned to the left, the others to the right, and None is an empty cell."""
    table = Table(*columns[:1], title=title, title_justify="left")
    for column in columns[1:]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if value >= 1 or value == 0 else f"{value:.3f}"
