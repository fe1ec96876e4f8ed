"""Commands about Diptych itself: ``config`` and ``doctor``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from diptych.models.errors import FAILED, OK
from diptych.pipeline.cli.terminal import add_overrides_argument, print_line


def add_config(commands: Any) -> None:
    """Adds ``diptych config``."""
    parser = commands.add_parser("config", help="print the settings in full, or their JSON Schema")
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="settings to check and print with every default")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of diptych.yaml")
    add_overrides_argument(parser)
    parser.set_defaults(command=_config)


def _config(options: argparse.Namespace) -> int:
    import yaml

    from diptych.pipeline.settings import Settings, SettingsError, load_settings

    if options.schema:
        sys.stdout.write(json.dumps(Settings.model_json_schema(), indent=2) + "\n")
    elif options.config:
        settings = load_settings(options.config, options.overrides)
        sys.stdout.write(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    else:
        raise SettingsError("name a settings file, or ask for --schema")
    return OK


def add_doctor(commands: Any) -> None:
    """Adds ``diptych doctor``."""
    parser = commands.add_parser("doctor", help="versions, what is missing, and what to do")
    parser.set_defaults(command=_doctor)


def _doctor(_: argparse.Namespace) -> int:
    from diptych.pipeline.cli.doctor import examine, versions
    from diptych.pipeline.local.log_capture import silence_output

    for name, found in versions().items():
        print_line(f"{name:<28} {found}")
    with silence_output():
        symptoms = list(examine())
    for symptom in symptoms:
        print_line(f"Problem: {symptom.problem}. To do: {symptom.remedy}.")
    if not symptoms:
        print_line("Nothing is missing.")
    return FAILED if symptoms else OK
