"""The command line. Heavy imports wait until a command needs them, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.check import Check
    from pipeline.settings import Settings

OK, FAILED, USAGE, GATE_STOPPED = 0, 1, 2, 3

_LABELS_SHOWN = 20
_LABELS_ASKED = 3
_DEMO = os.path.join(os.path.dirname(__file__), "demo.yaml")
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
        return _complain("interrupted; what was finished is reused by the next run", 130)
    except BrokenPipeError:
        # The reader of a pipe went away, as head does; Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except Exception as error:
        if code := _usage_code(error):
            return _complain(str(error), code)
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


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"diptych: {message}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="diptych",
        description="Turns a catalogue of images, descriptions and labels into a validated dataset and a served model.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"diptych {version('diptych')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (
        _add_demo,
        _add_init,
        _add_convert,
        _add_run,
        _add_check,
        _add_schema,
        _add_report,
        _add_predict,
        _add_digest,
        _add_export,
        _add_export_encoders,
        _add_export_model,
        _add_config,
        _add_doctor,
    ):
        add(commands)
    for entry in sorted(entry_points(group=_COMMANDS_GROUP), key=lambda entry: entry.name):
        entry.load()(commands)
    return parser


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds CONFIG and ``--set``."""
    parser.add_argument("config", metavar="CONFIG", help="the settings, a diptych.yaml")
    add_overrides_argument(parser)


def add_overrides_argument(parser: argparse.ArgumentParser) -> None:
    """Adds ``--set``."""
    parser.add_argument(
        "--set", dest="overrides", metavar="KEY=VALUE", action="append", default=[], help="e.g. train.epochs=5"
    )


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="run the pipeline on 1,797 handwritten digits")
    parser.add_argument("--output", default="runs/demo", help="folder of data and run (default: %(default)s)")
    add_overrides_argument(parser)
    parser.set_defaults(command=_demo)


def _demo(options: argparse.Namespace) -> int:
    from pipeline.demo import write_demo
    from pipeline.settings import load_settings

    catalogue = write_demo(os.path.join(options.output, "data"))
    settings = load_settings(_DEMO, [f"data.catalogue={json.dumps(catalogue)}", *options.overrides])
    return _run_and_show(settings, options.output)


def _add_init(commands: Any) -> None:
    parser = commands.add_parser("init", help="look at a catalogue and write a diptych.yaml for it")
    parser.add_argument("catalogue", metavar="CATALOGUE", help="a file, a pattern of files, or a folder")
    parser.add_argument("--output", default="diptych.yaml", help="the settings to write (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="write over settings that are there")
    parser.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from pipeline.init import look, summary, write_settings

    if os.path.exists(options.output) and not options.force:
        return _complain(f"'{options.output}' exists; name another file with --output, or say --force", USAGE)
    found = look(options.catalogue)
    write_settings(found, options.catalogue, options.output)
    for line in summary(found):
        _print(line)
    _print(f"Written: {options.output}. Look at it, then: diptych check {options.output}")
    return OK


def _add_convert(commands: Any) -> None:
    parser = commands.add_parser("convert", help="make a Parquet catalogue of an old CSV, JSON or pickle")
    parser.add_argument("old", metavar="OLD", help=".csv, .tsv, .json, or a pickle of plain data and NumPy arrays")
    parser.add_argument("new", metavar="NEW", help="the .parquet file to write")
    for part in ("image", "description", "label"):
        parser.add_argument(f"--{part}", metavar="NAME", help=f"column of the {part} (default: guessed)")
    parser.add_argument(
        "--channels",
        choices=["rgb", "bgr"],
        default="rgb",
        help="order of colours in arrays; bgr for those of cv2.imread",
    )
    parser.set_defaults(command=_convert)


def _convert(options: argparse.Namespace) -> int:
    from pipeline.convert import convert, summary

    names = {part: name for part in ("image", "description", "label") if (name := getattr(options, part))}
    for line in summary(convert(options.old, options.new, names, options.channels)):
        _print(line)
    _print(f"Written: {options.new}. To use it: diptych init {options.new}")
    return OK


def _add_run(commands: Any) -> None:
    parser = commands.add_parser("run", help="run the pipeline on your catalogue")
    add_settings_arguments(parser)
    parser.add_argument("--output", help="folder of the run (default: runs/NAME); what is unchanged there is reused")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    return _run_and_show(settings, options.output or os.path.join("runs", settings.name))


def _run_and_show(settings: Settings, folder: str) -> int:
    from rich.console import Console

    from pipeline.check import check_columns
    from pipeline.local import run
    from pipeline.summary import LOG_FILE, show

    # Looking into the catalogue takes a moment; learning of a missing column after TFX has loaded takes longer.
    check_columns(settings)
    summary = run(settings, folder)
    show(summary, Console())
    if summary.failure is None:
        return OK
    where = f" in {summary.failure.component}" if summary.failure.component else ""
    message = (
        f"the run failed{where}: {summary.failure.message}\nThe whole log: {os.path.join(summary.folder, LOG_FILE)}"
    )
    if report := _report_failure(summary.folder):
        message += f"\nThe report: {report}"
    return _complain(message, GATE_STOPPED if summary.failure.component == "DataGate" else FAILED)


def _report_failure(folder: str) -> str | None:
    """The report of a run that failed; None if nothing is left that it could show."""
    from pipeline.capture import captured_output
    from pipeline.report import ReportError, report_run

    with captured_output(os.devnull):
        try:
            return report_run(folder)
        except ReportError:
            return None


def _add_report(commands: Any) -> None:
    parser = commands.add_parser("report", help="the page of a run, of whatever it left; or two runs side by side")
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folder of a run; two with --compare")
    parser.add_argument("--compare", action="store_true", help="set two runs side by side")
    parser.add_argument("--output", help="the file to write (default: report.html in the run's folder)")
    parser.add_argument("--serve", action="store_true", help="show the page on localhost until interrupted")
    parser.add_argument("--port", type=int, default=8000, help="of --serve (default: %(default)s)")
    parser.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from pipeline.capture import captured_output
    from pipeline.report import compare_runs, report_run, serve

    if len(options.runs) != (2 if options.compare else 1):
        return _complain("report: name one run, or two with --compare", USAGE)
    with captured_output(os.devnull):
        if options.compare:
            first, second = options.runs
            path = compare_runs(first, second, options.output or "comparison.html")
        else:
            path = report_run(options.runs[0], options.output)
    _print(f"Written: {path}")
    if options.serve:
        _print(f"Shown at http://localhost:{options.port}/ until interrupted")
        serve(path, options.port)
    return OK


def _add_schema(commands: Any) -> None:
    parser = commands.add_parser(
        "schema", help="propose a schema for a catalogue, to be reviewed and named in data.schema_file"
    )
    add_settings_arguments(parser)
    parser.add_argument("--output", help="the file to write (default: schema.pbtxt, or with --update data.schema_file)")
    parser.add_argument(
        "--update", action="store_true", help="widen the curated schema to the data, and show the difference"
    )
    parser.add_argument("--run", metavar="RUN", help="folder of the run whose ingestion is reused (default: runs/NAME)")
    parser.set_defaults(command=_schema)


def _schema(options: argparse.Namespace) -> int:
    from pipeline.local import IngestionError
    from pipeline.schema import difference, propose, propose_update, write
    from pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    folder = options.run or os.path.join("runs", settings.name)
    try:
        if not options.update:
            output = options.output or "schema.pbtxt"
            propose(settings, folder, output)
            _print(f"Written: {output}. Review it, then name it in data.schema_file")
            return OK
        old, new = propose_update(settings, folder)
    except IngestionError as error:
        return _complain(str(error), FAILED)
    output = options.output or str(settings.data.schema_file)
    for line in difference(old, new):
        _print(line)
    write(new, output)
    _print(f"Written: {output}")
    return OK


def _add_check(commands: Any) -> None:
    parser = commands.add_parser("check", help="read the whole catalogue and say what would be rejected")
    add_settings_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON: rows, examples, rejects, findings")
    parser.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    from pipeline.check import check_catalogue
    from pipeline.settings import load_settings

    check = check_catalogue(load_settings(options.config, options.overrides))
    if options.json:
        rejects = [reject.as_json() for reject in check.rejects]
        findings = [finding.as_json() for finding in check.findings]
        report = {"rows": check.rows, "examples": check.examples, "labels": check.labels}
        report |= {"rejects": rejects, "findings": findings}
        _print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _show_check(check)
    return OK if check.passes else GATE_STOPPED


def _show_check(check: Check) -> None:
    from components.example_gen.reasons import REASONS

    splits = ", ".join(f"{split} {count:,}" for split, count in check.examples.items())
    _print(f"{check.rows:,} rows = {sum(check.examples.values()):,} examples + {len(check.rejects):,} rejects")
    _print(f"Examples: {splits}")
    for line in _label_lines(check):
        _print(line)
    for reject in check.rejects:
        _print(f"{reject.source} row {reject.row}, {reject.image or 'no image'}: {reject.reason}: {reject.detail}")
    for reason in sorted({reject.reason for reject in check.rejects}):
        _print(f"What to do about {reason}: {REASONS[reason]}")
    for finding in check.findings:
        if finding.stops:
            _print(f"A run would stop: {finding.message}")
    if empty := [split for split, count in check.examples.items() if count == 0]:
        _print(f"A run would stop: no example in split {', '.join(empty)}")


def _label_lines(check: Check) -> Iterator[str]:
    """The shares of the splits in each of the most frequent labels."""
    listed = sorted(check.labels.items(), key=lambda item: -sum(item[1].values()))
    for label, counts in listed[:_LABELS_SHOWN]:
        total = sum(counts.values())
        shares = ", ".join(f"{split} {count:,} ({count / total:.1%})" for split, count in counts.items())
        yield f"Label '{label}': {shares}"
    if len(listed) > _LABELS_SHOWN:
        yield f"and {len(listed) - _LABELS_SHOWN:,} more labels, all of which --json lists"


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser("predict", help="ask a pushed model about images and texts, or a whole catalogue")
    parser.add_argument("model", metavar="MODEL", help="folder of a pushed model, or of a run")
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="image files")
    parser.add_argument("--text", action="append", default=[], help="a description: one for all, or for each image")
    parser.add_argument(
        "--top", type=int, help="how many labels to show or write (default: 3, or all in JSON and files)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--catalogue", help="instead of images: a catalogue, or a diptych.yaml that says how to read it"
    )
    parser.add_argument("--output", help="of a catalogue: the .jsonl or .parquet file to write")
    add_overrides_argument(parser)
    parser.set_defaults(command=_predict)


def _predict(options: argparse.Namespace) -> int:
    if bool(options.images) == bool(options.catalogue):
        return _complain("predict: give image files with --text, or a --catalogue with --output", USAGE)
    if options.catalogue:
        return _predict_catalogue(options)
    if not options.text:
        return _complain("predict: give a --text for each image, or one for all; an empty one if there is none", USAGE)
    return _predict_images(options)


def _predict_images(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from pipeline.capture import captured_output
    from pipeline.predict import predict

    with captured_output(os.devnull):
        predictions = predict(options.model, options.images, options.text)
    if options.json:
        _print(json.dumps([asdict(prediction) for prediction in predictions], indent=2, ensure_ascii=False))
        return OK
    for prediction in predictions:
        best = list(zip(prediction.labels, prediction.scores, strict=True))[: options.top or _LABELS_ASKED]
        _print(f"{prediction.image}: " + ", ".join(f"{label} {score:.4f}" for label, score in best))
    return OK


def _predict_catalogue(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from pipeline.capture import captured_output

    if not options.output:
        return _complain("predict: name the file to write with --output, a .jsonl or a .parquet", USAGE)
    with captured_output(os.devnull):
        # Importing Beam warns of much that is no matter here.
        from pipeline.batch_predict import predict_catalogue

        done = predict_catalogue(
            options.model, options.catalogue, options.output, overrides=options.overrides, top=options.top
        )
    if options.json:
        _print(json.dumps(asdict(done), indent=2, ensure_ascii=False))
        return OK
    rejected = sum(done.rejects.values())
    _print(f"{done.rows:,} rows = {done.predictions:,} predictions + {rejected:,} rejects")
    _print(f"Written: {done.output}; rejected rows: {done.rejects_file}")
    return OK


def _add_digest(commands: Any) -> None:
    parser = commands.add_parser("digest", help="a dataset's digest: equal for equal records, in whatever order")
    parser.add_argument("dataset", metavar="DATASET", help="folder of a run, or of an Examples artifact")
    parser.set_defaults(command=_digest)


def _digest(options: argparse.Namespace) -> int:
    from pipeline.capture import captured_output
    from pipeline.digest import digest_dataset

    with captured_output(os.devnull):
        found = digest_dataset(options.dataset)
    _print(f"{found.digest}  " + ", ".join(f"{split} {count:,}" for split, count in found.examples.items()))
    return OK


def _add_export(commands: Any) -> None:
    from pipeline.portable import FORMATS

    parser = commands.add_parser("export", help="a run's dataset in a form that other tools read")
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument("--to", required=True, choices=FORMATS)
    parser.add_argument("--output", required=True, help="the folder to write, which must be empty or absent")
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    from pipeline.capture import captured_output
    from pipeline.export import export_run

    with captured_output(os.devnull):
        exported = export_run(options.run, options.to, options.output)
    for line in exported.lines():
        _print(line)
    return OK


def _add_export_encoders(commands: Any) -> None:
    parser = commands.add_parser("export-encoders", help="a run's encoding of texts and labels, for scikit-learn")
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument("--output", default="encoders.json", help="the file to write (default: %(default)s)")
    parser.set_defaults(command=_export_encoders)


def _export_encoders(options: argparse.Namespace) -> int:
    from pipeline.capture import captured_output
    from pipeline.encoders import export_encoders_of_run

    with captured_output(os.devnull):
        export_encoders_of_run(options.run, options.output)
    _print(f"Written: {options.output}. To use it: models.text.encoders.load_encoders('{options.output}')")
    return OK


def _add_export_model(commands: Any) -> None:
    parser = commands.add_parser("export-model", help="the network of a pushed model, as a TFLite or ONNX file")
    parser.add_argument("model", metavar="MODEL", help="folder of a pushed model, or of a run")
    parser.add_argument("--to", required=True, choices=["tflite", "onnx"])
    parser.add_argument("--output", required=True, help="the file to write; its description lies beside it, as JSON")
    parser.set_defaults(command=_export_model)


def _export_model(options: argparse.Namespace) -> int:
    from pipeline.capture import captured_output
    from pipeline.export_model import export_model

    with captured_output(os.devnull):
        files = export_model(options.model, options.to, options.output)
    _print(f"Written: {', '.join(files)}")
    return OK


def _add_config(commands: Any) -> None:
    parser = commands.add_parser("config", help="print the settings in full, or their JSON Schema")
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="settings to check and print with every default")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of diptych.yaml")
    add_overrides_argument(parser)
    parser.set_defaults(command=_config)


def _config(options: argparse.Namespace) -> int:
    import yaml

    from pipeline.settings import Settings, SettingsError, load_settings

    if options.schema:
        sys.stdout.write(json.dumps(Settings.model_json_schema(), indent=2) + "\n")
    elif options.config:
        settings = load_settings(options.config, options.overrides)
        sys.stdout.write(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    else:
        raise SettingsError("name a settings file, or ask for --schema")
    return OK


def _add_doctor(commands: Any) -> None:
    parser = commands.add_parser("doctor", help="versions, what is missing, and what to do")
    parser.set_defaults(command=_doctor)


def _doctor(_: argparse.Namespace) -> int:
    from pipeline.capture import captured_output
    from pipeline.doctor import examine, versions

    for name, found in versions().items():
        _print(f"{name:<28} {found}")
    with captured_output(os.devnull):
        symptoms = list(examine())
    for symptom in symptoms:
        _print(f"Problem: {symptom.problem}. To do: {symptom.remedy}.")
    if not symptoms:
        _print("Nothing is missing.")
    return FAILED if symptoms else OK
