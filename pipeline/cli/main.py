"""The command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from importlib.metadata import entry_points, version

from diptych.models.errors import FAILED, OK, DiptychError
from diptych.pipeline.cli.commands import about, catalogues, pushed_models, runs
from diptych.pipeline.cli.os_errors import explain_os_error
from diptych.pipeline.cli.terminal import complain

_EPILOG = "Exit codes: 0 done, 1 failed, 2 settings or usage wrong, 3 stopped by the data gate, 130 interrupted."
# Other rooms add commands here; a lower room cannot import a higher one.
_COMMANDS_GROUP = "diptych.commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        return complain("interrupted; what was finished is reused by the next run", 130)
    except BrokenPipeError:
        # The reader of a pipe went away, as head does; Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except DiptychError as error:
        return complain(str(error), error.exit_code)
    except OSError as error:
        if sentence := explain_os_error(error):
            return complain(sentence, FAILED)
        raise


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the documentation is made from it."""
    parser = argparse.ArgumentParser(
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
