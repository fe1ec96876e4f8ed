"""The command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from importlib.metadata import entry_points, version

from pipeline.commands import about, catalogues, runs, served
from pipeline.terminal import OK, USAGE, complain

_EPILOG = "Exit codes: 0 done, 1 failed, 2 settings or usage wrong, 3 stopped by the data gate, 130 interrupted."
# Other rooms add commands here; a lower room cannot import a higher one.
_COMMANDS_GROUP = "diptych.commands"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        return complain("interrupted; what was finished is reused by the next run", 130)
    except BrokenPipeError:
        # The reader of a pipe went away, as head does; Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except Exception as error:
        if code := _usage_code(error):
            return complain(str(error), code)
        raise


def _usage_code(error: Exception) -> int | None:
    """The exit code of an error that a person can mend; others are bugs and keep their traceback."""
    from components.example_gen.catalogues.rows import CatalogueError
    from components.example_gen.spans import SpanError
    from pipeline.convert import ConvertError
    from pipeline.digest import DigestError
    from pipeline.encoders import EncodersError
    from pipeline.export import ExportError
    from pipeline.export_model import ExportModelError
    from pipeline.init import InitError
    from pipeline.local import RunLockedError
    from pipeline.old_data import OldDataError
    from pipeline.plain_pickle import PickleFileError
    from pipeline.predict import PredictError
    from pipeline.report import ReportError
    from pipeline.schema import SchemaError
    from pipeline.settings import SettingsError

    of_settings = (SettingsError, SchemaError, CatalogueError, SpanError, InitError)
    of_data = (DigestError, RunLockedError, ConvertError, OldDataError, PickleFileError)
    of_results = (PredictError, ReportError, ExportError, EncodersError, ExportModelError)
    return USAGE if isinstance(error, (*of_settings, *of_data, *of_results)) else None


def _parser() -> argparse.ArgumentParser:
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
        served.add_predict,
        runs.add_digest,
        runs.add_export,
        runs.add_export_encoders,
        served.add_export_model,
        about.add_config,
        about.add_doctor,
    ):
        add(commands)
    for entry in sorted(entry_points(group=_COMMANDS_GROUP), key=lambda entry: entry.name):
        entry.load()(commands)
    return parser
