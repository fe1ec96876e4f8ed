"""What commands share: how they print, and their arguments about settings."""

from __future__ import annotations

import argparse
import sys


def print_line(text: str) -> None:
    """Prints a line for a person or a program."""
    sys.stdout.write(text + "\n")


def complain(message: str, code: int) -> int:
    """Says what is wrong on standard error, and gives the exit code back."""
    sys.stderr.write(f"diptych: {message}\n")
    return code


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
