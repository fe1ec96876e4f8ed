"""Kubeflow's commands of ``diptych``, found by the command line through the entry points of the package."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from pipeline.cli import OK, add_settings_arguments


def compile_command(commands: Any) -> None:
    """Adds ``diptych compile``."""
    parser = commands.add_parser("compile", help="write the pipeline spec for Kubeflow Pipelines")
    add_settings_arguments(parser)
    parser.add_argument("--output", default="pipeline.yaml", help="file to write (default: %(default)s)")
    parser.set_defaults(command=_compile)


def _compile(options: argparse.Namespace) -> int:
    from kubeflow.compiler import compile_pipeline
    from pipeline.capture import captured_output
    from pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    with captured_output(os.devnull):
        tasks = compile_pipeline(settings, options.output)
    sys.stdout.write(f"{options.output}: {len(tasks)} tasks: {', '.join(tasks)}\n")
    return OK
