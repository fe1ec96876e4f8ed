"""What workers do in tests. Workers import it: Beam pickles functions of the main module with all that they name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from diptych.components.catalogue.readers.rows import CatalogueError


def double(number: int) -> int:
    """Is done."""
    return 2 * number


def sleep(seconds: float) -> None:
    """Takes a while."""
    time.sleep(seconds)


def wait_until_removed(path: str) -> str:
    """Ends when the folder is gone."""
    while Path(path).exists():
        (Path(path) / "is-running").touch()
        time.sleep(0.05)
    return path


def refuse(number: int) -> int:
    """Raises an error of ours."""
    raise CatalogueError(f"catalogue.csv, row {number}: the image is broken;\nmend it")


def divide_by_zero(number: int) -> float:
    """Raises an error that is a bug."""
    return number / 0


def die(number: int) -> int:
    """Kills its process, as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number
