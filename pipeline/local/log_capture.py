"""Keeps what TFX, TensorFlow and Beam print away from the terminal."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout, suppress

from rich.console import Console

from diptych.models.shown_text import show_text


class _Formatter(logging.Formatter):
    """Writes records, tracebacks included, so that nothing that data hold acts on the terminal of who reads the log."""

    def format(self, record: logging.LogRecord) -> str:
        return show_text(super().format(record))


class _ShownOutput(io.TextIOWrapper):
    """What Python code prints, written in the same way."""

    def write(self, text: str, /) -> int:
        return super().write(show_text(text))


@contextmanager
def redirect_output(log_path: str) -> Iterator[Console]:
    """Appends what this process prints or logs to a file, and gives a console that prints to the former output.

    File descriptors 1 and 2 are redirected too, because TensorFlow's C++ code writes to them.
    """
    handler = logging.FileHandler(log_path, encoding="utf-8")
    handler.setFormatter(_Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    terminal = open(os.dup(1), "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
    with open(log_path, "a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    printed = _ShownOutput(open(os.dup(1), "wb", 0), "utf-8", write_through=True)  # noqa: SIM115
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            # Whoever wants colours in a log (FORCE_COLOR) does not want lines that are written over.
            yield Console(file=terminal, highlight=False, force_terminal=terminal.isatty())
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        # Where the log cannot be written, that must not hide why.
        for finish in (printed.close, handler.close, sys.stdout.flush, sys.stderr.flush):
            with suppress(OSError):
                finish()
        for number, descriptor in enumerate(saved, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        terminal.close()


def silence_output() -> AbstractContextManager[Console]:
    """Discards everything that this process prints or logs while the block runs."""
    return redirect_output(os.devnull)
