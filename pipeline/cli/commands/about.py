"""Commands about Diptych itself: ``config`` and ``doctor``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from diptych.models.errors import FAILED, OK
from diptych.pipeline.cli.terminal import add_overrides_argument, print_json, print_line

if TYPE_CHECKING:
    from diptych.pipeline.cli.doctor import Problem


def add_config(commands: Any) -> None:
    """Adds ``diptych config``."""
    parser = commands.add_parser(
        "config",
        help="print all settings, or the JSON Schema of settings files",
        description="Checks a settings file and prints every setting as YAML, defaults included. With --schema it "
        "prints the JSON Schema of settings files, with which editors complete and check them.",
    )
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="the settings file, a diptych.yaml")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema instead")
    add_overrides_argument(parser)
    parser.set_defaults(command=_config)


def _config(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.yaml_text import dump_yaml
    from diptych.pipeline.settings import Settings, SettingsError, load_settings

    if options.schema:
        print_json(Settings.model_json_schema())
    elif options.config:
        settings = load_settings(options.config, options.overrides)
        sys.stdout.write(dump_yaml(settings.model_dump(mode="json")))
    else:
        raise SettingsError("name a settings file, or ask for --schema")
    return OK


def add_doctor(commands: Any) -> None:
    """Adds ``diptych doctor``."""
    parser = commands.add_parser(
        "doctor",
        help="print versions, and what is missing on this machine",
        description="Prints the versions of Python and of the libraries, compares what is installed with what Diptych "
        "needs, and says what to do about each problem. The exit code is 1 if there is one. With settings it also runs "
        "a small job on the engine that beam.runner names, and with --host it asks a Kubeflow Pipelines server what "
        "would fail there.",
    )
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="the settings to be tried")
    add_overrides_argument(parser)
    # Functions that get the options, and return facts by name, and problems; other rooms add theirs.
    parser.set_defaults(command=_doctor, diagnoses=[_diagnose_engine])


def _diagnose_engine(options: argparse.Namespace) -> tuple[dict[str, str], list[Problem]]:
    if not options.config:
        return {}, []
    from diptych.pipeline.cli.engine_diagnosis import diagnose_engine
    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    with silence_output():
        return diagnose_engine(settings)


def _doctor(options: argparse.Namespace) -> int:
    from diptych.pipeline.cli.doctor import find_problems, installed_versions
    from diptych.pipeline.local.log_capture import silence_output

    for name, installed in installed_versions().items():
        print_line(f"{name:<28} {installed}")
    with silence_output():
        problems = list(find_problems())
    for diagnose in options.diagnoses:
        facts, found = diagnose(options)
        problems += found
        for name, fact in facts.items():
            print_line(f"{name:<28} {fact}")
    for problem in problems:
        print_line(f"Problem: {problem.message}. To do: {problem.remedy}.")
    if not problems:
        print_line("Nothing is missing.")
    return FAILED if problems else OK
