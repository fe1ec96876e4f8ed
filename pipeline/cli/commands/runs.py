"""Commands about runs: ``demo``, ``run``, ``report``, ``digest``, ``verify``, ``export`` and ``export-encoders``."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any

from diptych.models.errors import FAILED, GATE_STOPPED, OK
from diptych.pipeline.cli.terminal import add_overrides_argument, integer_within, print_line, warn, warn_more

if TYPE_CHECKING:
    from diptych.pipeline.settings import Settings


def add_demo(commands: Any) -> None:
    """Adds ``diptych demo``."""
    parser = commands.add_parser(
        "demo",
        help="run the pipeline on 1,797 images of handwritten digits",
        description="Writes a catalogue of scikit-learn's 1,797 handwritten digits, each with a description, and runs "
        "the pipeline on it. Nothing is downloaded.",
    )
    parser.add_argument(
        "--output", default="runs/demo", help="the folder of the catalogue and the run (default: %(default)s)"
    )
    add_overrides_argument(parser)
    parser.set_defaults(command=_demo)


def _demo(options: argparse.Namespace) -> int:
    from diptych.pipeline.demo.digits import SETTINGS_FILE, write_digits_catalogue
    from diptych.pipeline.runs.run_folder import RunFolder
    from diptych.pipeline.settings import load_settings

    with RunFolder(options.output).locked():
        catalogue = json.dumps(write_digits_catalogue(os.path.join(options.output, "data")), ensure_ascii=False)
    settings = load_settings(SETTINGS_FILE, [f"data.catalogue={catalogue}", *options.overrides])
    return _run_and_show(settings, options.output)


def add_run(commands: Any) -> None:
    """Adds ``diptych run``."""
    parser = commands.add_parser(
        "run",
        help="run the pipeline on your catalogue",
        description="Runs every step from the catalogue to a served model on this machine, and prints a summary. "
        "Given a catalogue in place of a settings file, it first does what diptych init does, says what it decided, "
        "and keeps the diptych.yaml in the folder of the run. Results of an earlier run in the same folder are reused "
        "where inputs, settings and code are unchanged. The exit code is 3 if the data gate stopped the run.",
    )
    parser.add_argument(
        "config",
        metavar="PATH",
        help="a settings file, such as diptych.yaml; or a catalogue: a file, pattern or folder",
    )
    add_overrides_argument(parser)
    parser.add_argument("--output", help="the folder of the run (default: runs/NAME, with the name in the settings)")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.run_settings import SETTINGS_FILE, is_settings_file, keep_settings, run_folder_of
    from diptych.pipeline.settings import load_settings

    if is_settings_file(options.config):
        settings = load_settings(options.config, options.overrides)
        return _run_and_show(settings, options.output or os.path.join("runs", settings.name))
    folder = options.output or run_folder_of(options.config)
    for line in keep_settings(options.config, folder):
        print_line(line)
    return _run_and_show(load_settings(os.path.join(folder, SETTINGS_FILE), options.overrides), folder)


def _run_and_show(settings: Settings, folder: str) -> int:
    from rich.console import Console

    from diptych.components.catalogue.catalogue import Catalogue
    from diptych.pipeline.local.runner import run_pipeline
    from diptych.pipeline.runs.run_folder import RunFolder
    from diptych.pipeline.runs.summary import print_summary

    # A missing column is found at once here, and only after TFX has been loaded in the run.
    Catalogue.open(settings.data).check_columns()
    summary = run_pipeline(settings, folder)
    print_summary(summary, Console())
    if summary.failure is None:
        return OK
    component = summary.failure.component
    where = f" in {component}" if component else ""
    # Said before the report is written, which takes a while and may fail itself.
    warn(f"the run failed{where}: {summary.failure.message}\nThe whole log: {RunFolder(folder).log_file}")
    if report := _report_failure(folder):
        warn_more(f"The report: {report}")
    return GATE_STOPPED if component == "DataGate" else FAILED


def _report_failure(folder: str) -> str | None:
    """Writes the report of a run that failed, and returns its path; None if that is not possible."""
    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.runs.report import ReportError, write_report

    with silence_output():
        try:
            return write_report(folder)
        except (ReportError, OSError):
            # The reason why the run failed is what matters.
            return None


def add_report(commands: Any) -> None:
    """Adds ``diptych report``."""
    parser = commands.add_parser(
        "report",
        help="write the HTML report of a run, or compare two runs",
        description="Writes one HTML page about a run, whether it succeeded, failed or was killed. With --compare, the "
        "page sets it beside another run, or a pushed model: which is better, and what differs in settings, data and "
        "predictions.",
    )
    parser.add_argument("run", metavar="RUN", help="the folder of a run; with --compare also of a pushed model")
    parser.add_argument("--compare", metavar="OTHER", help="the folder of another run, or of a pushed model")
    parser.add_argument(
        "--output", help="the file to write (default: report.html in the run's folder, comparison.html with --compare)"
    )
    parser.add_argument("--serve", action="store_true", help="serve the page on localhost until interrupted")
    parser.add_argument(
        "--port", type=integer_within(1, 65535), default=8000, help="the port for --serve (default: %(default)s)"
    )
    parser.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.runs.report import serve_page, write_report
    from diptych.pipeline.runs.report_comparison import write_comparison

    with silence_output():
        if options.compare:
            path = write_comparison(options.run, options.compare, options.output or "comparison.html")
        else:
            path = write_report(options.run, options.output)
    print_line(f"Written: {path}")
    if options.serve:
        print_line(f"Shown at http://localhost:{options.port}/ until interrupted")
        serve_page(path, options.port)
    return OK


def add_digest(commands: Any) -> None:
    """Adds ``diptych digest``."""
    parser = commands.add_parser(
        "digest",
        help="print a digest of a dataset, to compare it with others",
        description="Prints a digest of the records in a dataset, and the number of examples in each split. Datasets "
        "have equal digests if their splits hold equal records, whatever the order and the files of the records.",
    )
    parser.add_argument("dataset", metavar="DATASET", help="the folder of a run, or of an Examples artifact")
    parser.set_defaults(command=_digest)


def _digest(options: argparse.Namespace) -> int:
    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.runs.digest import digest_dataset

    with silence_output():
        found = digest_dataset(options.dataset)
    print_line(f"{found.digest}  " + ", ".join(f"{split} {count:,}" for split, count in found.examples.items()))
    return OK


def add_verify(commands: Any) -> None:
    """Adds ``diptych verify``."""
    parser = commands.add_parser(
        "verify",
        help="check that the files of a run are as they were written",
        description="Compares every file of a run's artifacts, and of the model that it pushed, with the size and the "
        "SHA-256 that were noted when it was written, checks the metadata, and prints a line for each file that is "
        "damaged. The exit code is 1 if there is any. To run again in the same folder makes anew what is damaged.",
    )
    parser.add_argument("run", metavar="RUN", help="the folder of a run, or a copy of it")
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    from diptych.pipeline.runs.verify import verify_run

    found = verify_run(options.run)
    for damage in found.damage:
        print_line(str(damage))
    print_line(found.describe())
    return FAILED if found.damage else OK


def add_export(commands: Any) -> None:
    """Adds ``diptych export``."""
    from diptych.pipeline.export.formats import FORMATS

    parser = commands.add_parser(
        "export",
        help="write a run's dataset in a format that other tools read",
        description="Writes every example of a run's dataset in a format that can be read without Diptych, and prints "
        "the line of Python that reads it.",
    )
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    parser.add_argument("--to", required=True, choices=FORMATS, help="the format")
    parser.add_argument("--output", required=True, help="the folder to write, which must be empty or absent")
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    from diptych.pipeline.export.dataset import export_dataset
    from diptych.pipeline.local.log_capture import silence_output

    with silence_output():
        exported = export_dataset(options.run, options.to, options.output)
    for line in exported.lines():
        print_line(line)
    return OK


def add_export_encoders(commands: Any) -> None:
    """Adds ``diptych export-encoders``."""
    parser = commands.add_parser(
        "export-encoders",
        help="write a run's encoders of texts and labels, for scikit-learn",
        description="Writes the vocabularies and options by which a run encodes texts and labels to a JSON file, and "
        "prints the line of Python that makes scikit-learn's objects of it.",
    )
    parser.add_argument("run", metavar="RUN", help="the folder of a run, or of a Transform graph")
    parser.add_argument("--output", default="encoders.json", help="the file to write (default: %(default)s)")
    parser.set_defaults(command=_export_encoders)


def _export_encoders(options: argparse.Namespace) -> int:
    from diptych.pipeline.export.encoders import export_run_encoders
    from diptych.pipeline.local.log_capture import silence_output

    with silence_output():
        export_run_encoders(options.run, options.output)
    print_line(
        f"Written: {options.output}. To use it: diptych.models.text.sklearn_encoders.load_encoders('{options.output}')"
    )
    return OK
