"""The command line: its commands, and what becomes of their errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points, version

from diptych.models.errors import FAILED, OK, DiptychError
from diptych.models.os_errors import explain_os_error
from diptych.pipeline.cli.commands import about, catalogues, pushed_models, runs
from diptych.pipeline.cli.terminal import Parser, complain

_EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 settings or usage wrong, 3 stopped by the data gate, 130 interrupted, "
    "143 stopped by SIGTERM."
)
# Other rooms add commands here; a lower room cannot import a higher one.
_COMMANDS_GROUP = "diptych.commands"


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code.

    Raises:
        KeyboardInterrupt: it was told to end.
        Exception: a bug.
    """
    try:
        options = build_parser().parse_args(arguments)
        code = int(options.command(options))
        if failure := _flush_output():
            raise failure
        return code
    except BrokenPipeError:
        # The reader of a pipe went away, as head does.
        _flush_output()
        return OK
    except DiptychError as error:
        return complain(str(error), error.exit_code)
    except Exception as error:
        if sentence := explain_os_error(_flush_output() or error):
            return complain(sentence, FAILED)
        raise


def _flush_output() -> OSError | None:
    """Writes what has been printed; the error if that fails, which Python would otherwise complain of at exit."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        error.filename = "standard output"
        return error
    return None


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the documentation is made from it."""
    parser = Parser(
        prog="diptych",
        description="Turns a catalogue of images, descriptions and labels into a validated dataset and a served model.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"diptych {version('diptych')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (
        runs.add_demo,
        catalogues.add_init,
        catalogues.add_convert,
        runs.add_run,
        catalogues.add_check,
        catalogues.add_schema,
        runs.add_report,
        pushed_models.add_predict,
        runs.add_digest,
        runs.add_verify,
        runs.add_export,
        runs.add_export_encoders,
        pushed_models.add_export_model,
        about.add_config,
        about.add_doctor,
    ):
        add(commands)
    for entry in sorted(entry_points(group=_COMMANDS_GROUP), key=lambda entry: entry.name):
        entry.load()(commands)
    return parser
