"""Commands about runs: ``demo``, ``run``, ``report``, ``digest``, ``export`` and ``export-encoders``."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any

from diptych.models.errors import FAILED, GATE_STOPPED, OK, USAGE
from diptych.pipeline.cli.terminal import add_overrides_argument, add_settings_arguments, complain, print_line

if TYPE_CHECKING:
    from diptych.pipeline.settings import Settings

_DEMO = os.path.join(os.path.dirname(__file__), "..", "..", "demo", "demo.yaml")


def add_demo(commands: Any) -> None:
    """Adds ``diptych demo``."""
    parser = commands.add_parser("demo", help="run the pipeline on 1,797 handwritten digits")
    parser.add_argument("--output", default="runs/demo", help="folder of data and run (default: %(default)s)")
    add_overrides_argument(parser)
    parser.set_defaults(command=_demo)


def _demo(options: argparse.Namespace) -> int:
    from diptych.pipeline.demo.digits import write_demo
    from diptych.pipeline.settings import load_settings

    catalogue = write_demo(os.path.join(options.output, "data"))
    settings = load_settings(_DEMO, [f"data.catalogue={json.dumps(catalogue)}", *options.overrides])
    return _run_and_show(settings, options.output)


def add_run(commands: Any) -> None:
    """Adds ``diptych run``."""
    parser = commands.add_parser("run", help="run the pipeline on your catalogue")
    add_settings_arguments(parser)
    parser.add_argument("--output", help="folder of the run (default: runs/NAME); what is unchanged there is reused")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from diptych.pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    return _run_and_show(settings, options.output or os.path.join("runs", settings.name))


def _run_and_show(settings: Settings, folder: str) -> int:
    from rich.console import Console

    from diptych.pipeline.local.runner import run_pipeline
    from diptych.pipeline.prepare.check import check_columns
    from diptych.pipeline.runs.run_folder import LOG_FILE
    from diptych.pipeline.runs.summary import print_summary

    # Looking into the catalogue takes a moment; learning of a missing column after TFX has loaded takes longer.
    check_columns(settings)
    summary = run_pipeline(settings, folder)
    print_summary(summary, Console())
    if summary.failure is None:
        return OK
    where = f" in {summary.failure.component}" if summary.failure.component else ""
    message = (
        f"the run failed{where}: {summary.failure.message}\nThe whole log: {os.path.join(summary.folder, LOG_FILE)}"
    )
    if report := _report_failure(summary.folder):
        message += f"\nThe report: {report}"
    return complain(message, GATE_STOPPED if summary.failure.component == "DataGate" else FAILED)


def _report_failure(folder: str) -> str | None:
    """The report of a run that failed; None if nothing is left that it could show."""
    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.runs.report import ReportError, write_report

    with silence_output():
        try:
            return write_report(folder)
        except ReportError:
            return None


def add_report(commands: Any) -> None:
    """Adds ``diptych report``."""
    parser = commands.add_parser("report", help="the page of a run, of whatever it left; or two runs side by side")
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folder of a run; two with --compare")
    parser.add_argument("--compare", action="store_true", help="set two runs side by side")
    parser.add_argument("--output", help="the file to write (default: report.html in the run's folder)")
    parser.add_argument("--serve", action="store_true", help="show the page on localhost until interrupted")
    parser.add_argument("--port", type=int, default=8000, help="of --serve (default: %(default)s)")
    parser.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.runs.report import serve_page, write_comparison, write_report

    if len(options.runs) != (2 if options.compare else 1):
        return complain("report: name one run, or two with --compare", USAGE)
    with silence_output():
        if options.compare:
            first, second = options.runs
            path = write_comparison(first, second, options.output or "comparison.html")
        else:
            path = write_report(options.runs[0], options.output)
    print_line(f"Written: {path}")
    if options.serve:
        print_line(f"Shown at http://localhost:{options.port}/ until interrupted")
        serve_page(path, options.port)
    return OK


def add_digest(commands: Any) -> None:
    """Adds ``diptych digest``."""
    parser = commands.add_parser("digest", help="a dataset's digest: equal for equal records, in whatever order")
    parser.add_argument("dataset", metavar="DATASET", help="folder of a run, or of an Examples artifact")
    parser.set_defaults(command=_digest)


def _digest(options: argparse.Namespace) -> int:
    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.runs.digest import digest_dataset

    with silence_output():
        found = digest_dataset(options.dataset)
    print_line(f"{found.digest}  " + ", ".join(f"{split} {count:,}" for split, count in found.examples.items()))
    return OK


def add_export(commands: Any) -> None:
    """Adds ``diptych export``."""
    from diptych.pipeline.export.formats import FORMATS

    parser = commands.add_parser("export", help="a run's dataset in a form that other tools read")
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument("--to", required=True, choices=FORMATS)
    parser.add_argument("--output", required=True, help="the folder to write, which must be empty or absent")
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    from diptych.pipeline.export.dataset import export_run
    from diptych.pipeline.local.log_capture import silence_output

    with silence_output():
        exported = export_run(options.run, options.to, options.output)
    for line in exported.lines():
        print_line(line)
    return OK


def add_export_encoders(commands: Any) -> None:
    """Adds ``diptych export-encoders``."""
    parser = commands.add_parser("export-encoders", help="a run's encoding of texts and labels, for scikit-learn")
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument("--output", default="encoders.json", help="the file to write (default: %(default)s)")
    parser.set_defaults(command=_export_encoders)


def _export_encoders(options: argparse.Namespace) -> int:
    from diptych.pipeline.export.encoders import export_encoders_of_run
    from diptych.pipeline.local.log_capture import silence_output

    with silence_output():
        export_encoders_of_run(options.run, options.output)
    print_line(
        f"Written: {options.output}. To use it: diptych.models.text.sklearn_encoders.load_encoders('{options.output}')"
    )
    return OK
