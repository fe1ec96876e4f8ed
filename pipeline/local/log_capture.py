"""Keeps the lines of TFX, TensorFlow and Beam out of the terminal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def captured_output(log_path: str) -> Iterator[Console]:
    """Sends everything this process writes, C++ code too, to a file, and yields a console on the real output.

    File descriptors 1 and 2 are redirected, because TensorFlow writes to them without asking Python.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    terminal = open(os.dup(1), "w", encoding="utf-8", buffering=1)  # noqa: SIM115
    handler = logging.StreamHandler(open(log_path, "a", encoding="utf-8"))  # noqa: SIM115
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    with open(log_path, "a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield Console(file=terminal, highlight=False)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        terminal.close()
