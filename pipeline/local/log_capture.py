"""Keeps what TFX, TensorFlow and Beam print away from the terminal."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console


@contextmanager
def redirect_output(log_path: str) -> Iterator[Console]:
    """Appends what this process prints or logs to a file, and gives a console that prints to the former output.

    File descriptors 1 and 2 are redirected too, because TensorFlow's C++ code writes to them.
    """
    handler = logging.FileHandler(log_path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    terminal = open(os.dup(1), "w", encoding="utf-8", buffering=1)  # noqa: SIM115
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
        for number, descriptor in enumerate(saved, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        terminal.close()


def silence_output() -> AbstractContextManager[Console]:
    """Discards everything that this process prints or logs while the block runs."""
    return redirect_output(os.devnull)
