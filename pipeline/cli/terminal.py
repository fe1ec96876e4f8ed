"""What commands share: how they print, and their arguments about settings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

from diptych.models.shown_text import show_json, show_line, show_text


class Parser(argparse.ArgumentParser):
    """Says what is wrong with arguments, which may be names of files from anywhere, as the other messages are said."""

    def error(self, message: str) -> NoReturn:
        super().error(show_text(message))


def print_line(text: str) -> None:
    """Prints a line for a person; what data hold in it neither acts on the terminal nor makes further lines."""
    sys.stdout.write(show_line(text) + "\n")


def print_json(value: Any) -> None:
    """Prints a value for a program, as JSON that does not act on a terminal either."""
    sys.stdout.write(show_json(value) + "\n")


def complain(message: str, code: int) -> int:
    """Says what is wrong on standard error, and gives the exit code back."""
    warn(message)
    return code


def warn(message: str) -> None:
    """Says something on standard error."""
    sys.stderr.write(f"diptych: {show_text(message)}\n")


def warn_more(text: str) -> None:
    """Adds a line to what ``warn`` has said."""
    sys.stderr.write(show_text(text) + "\n")


def show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints the traceback of a bug, whose message may hold data; a ``sys.excepthook``."""
    import traceback

    sys.stderr.write(show_text("".join(traceback.format_exception(kind, error, trace))))


def integer_within(least: int, most: int | None = None) -> Callable[[str], int]:
    """A ``type`` of argparse's: an integer from ``least`` to ``most``, which is named if the argument is another."""
    allowed = f"from {least} to {most}" if most is not None else f"from {least} on"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or most is not None and number > most:
            raise argparse.ArgumentTypeError(f"'{text}' is no integer {allowed}")
        return number

    return read


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds CONFIG and ``--set``."""
    parser.add_argument("config", metavar="CONFIG", help="the settings file, a diptych.yaml")
    add_overrides_argument(parser)


def add_overrides_argument(parser: argparse.ArgumentParser) -> None:
    """Adds ``--set``."""
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change one setting, e.g. train.epochs=5; can be given several times",
    )
