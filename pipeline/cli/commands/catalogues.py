"""Commands about catalogues: ``init``, ``convert``, ``check`` and ``schema``."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from diptych.models.errors import GATE_STOPPED, OK, USAGE
from diptych.pipeline.cli.terminal import add_settings_arguments, complain, print_line

if TYPE_CHECKING:
    from diptych.pipeline.prepare.check import CheckResult

_MAX_LABELS_SHOWN = 20


def add_init(commands: Any) -> None:
    """Adds ``diptych init``."""
    parser = commands.add_parser(
        "init",
        help="write a settings file for a catalogue",
        description="Reads the first rows and images of a catalogue, infers which column has what, and writes a "
        "settings file. Comments in it say what else can be chosen.",
    )
    parser.add_argument("catalogue", metavar="CATALOGUE", help="a file, a pattern of files, or a folder")
    parser.add_argument("--output", default="diptych.yaml", help="the settings file to write (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace a settings file that exists")
    parser.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.init import describe_preview, write_settings
    from diptych.pipeline.prepare.preview import preview_catalogue

    if os.path.exists(options.output) and not options.force:
        return complain(f"'{options.output}' exists; name another file with --output, or say --force", USAGE)
    preview = preview_catalogue(options.catalogue)
    write_settings(preview, options.catalogue, options.output)
    for line in describe_preview(preview):
        print_line(line)
    print_line(f"Written: {options.output}. Look at it, then: diptych check {options.output}")
    return OK


def add_convert(commands: Any) -> None:
    """Adds ``diptych convert``."""
    parser = commands.add_parser(
        "convert",
        help="make a Parquet catalogue of a dataset in a CSV, JSON or pickle file",
        description="Makes a Parquet catalogue of a dataset whose images are paths, bytes or arrays of numbers in one "
        "CSV, TSV, JSON or pickle file. A pickle may hold plain data and NumPy arrays; nothing else in it is loaded.",
    )
    parser.add_argument("old", metavar="OLD", help="the file to read: .csv, .tsv, .json, or a pickle")
    parser.add_argument("new", metavar="NEW", help="the .parquet file to write")
    for role in ("image", "description", "label"):
        parser.add_argument(
            f"--{role}", metavar="NAME", help=f"the column of the {role} (default: inferred from names and values)"
        )
    parser.add_argument(
        "--channels",
        choices=["rgb", "bgr"],
        default="rgb",
        help="the order of colours in arrays; OpenCV's cv2.imread reads images as bgr (default: %(default)s)",
    )
    parser.set_defaults(command=_convert)


def _convert(options: argparse.Namespace) -> int:
    from diptych.pipeline.convert.conversion import convert

    names = {part: name for part in ("image", "description", "label") if (name := getattr(options, part))}
    for line in convert(options.old, options.new, names, options.channels).lines():
        print_line(line)
    print_line(f"Written: {options.new}. To use it: diptych init {options.new}")
    return OK


def add_check(commands: Any) -> None:
    """Adds ``diptych check``."""
    parser = commands.add_parser(
        "check",
        help="read the whole catalogue and list the rows that a run would reject",
        description="Reads every row and image as a run does, and prints the rows that would be rejected and why, the "
        "examples of each split and label, and what the data gate would stop a run for. It writes nothing. The exit "
        "code is 3 if a run would be stopped.",
    )
    add_settings_arguments(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON with rows, examples, labels, rejects and findings"
    )
    parser.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.check import check_catalogue
    from diptych.pipeline.settings import load_settings

    result = check_catalogue(load_settings(options.config, options.overrides))
    if options.json:
        report = {
            "rows": result.rows,
            "examples": result.examples,
            "labels": result.labels,
            "rejects": [reject.as_json() for reject in result.rejects],
            "findings": [finding.as_json() for finding in result.findings],
        }
        print_line(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        for line in _check_lines(result):
            print_line(line)
    return OK if result.passes else GATE_STOPPED


def _check_lines(result: CheckResult) -> Iterator[str]:
    from diptych.components.catalogue.reasons import REASONS

    yield f"{result.rows:,} rows = {sum(result.examples.values()):,} examples + {len(result.rejects):,} rejects"
    yield "Examples: " + ", ".join(f"{split} {count:,}" for split, count in result.examples.items())
    yield from _label_lines(result)
    for reject in result.rejects:
        yield f"{reject.source} row {reject.row}, {reject.image or 'no image'}: {reject.reason}: {reject.detail}"
    for reason in sorted({reject.reason for reject in result.rejects}):
        yield f"What to do about {reason}: {REASONS[reason]}"
    for finding in result.findings:
        if finding.stops:
            yield f"A run would stop: {finding.message}"
    if empty := [split for split, count in result.examples.items() if count == 0]:
        yield f"A run would stop: no example in split {', '.join(empty)}"


def _label_lines(result: CheckResult) -> Iterator[str]:
    """A line for each of the most frequent labels, with its examples in each split."""
    by_frequency = sorted(result.labels.items(), key=lambda item: -sum(item[1].values()))
    for label, counts in by_frequency[:_MAX_LABELS_SHOWN]:
        total = sum(counts.values())
        shares = ", ".join(f"{split} {count:,} ({count / total:.1%})" for split, count in counts.items())
        yield f"Label '{label}': {shares}"
    if len(by_frequency) > _MAX_LABELS_SHOWN:
        yield f"and {len(by_frequency) - _MAX_LABELS_SHOWN:,} more labels, all of which --json lists"


def add_schema(commands: Any) -> None:
    """Adds ``diptych schema``."""
    parser = commands.add_parser(
        "schema",
        help="propose a schema for a catalogue, which you review and name in data.schema_file",
        description="Writes a schema that the catalogue's data fit. Review it, then name it in data.schema_file: from "
        "then on, data that violate it are reported. With --update, the schema that is named there is widened until "
        "the data fit it, and the difference is printed.",
    )
    add_settings_arguments(parser)
    parser.add_argument("--output", help="the file to write (default: schema.pbtxt, or with --update data.schema_file)")
    parser.add_argument("--update", action="store_true", help="widen the schema that data.schema_file names")
    parser.add_argument(
        "--run",
        metavar="RUN",
        help="the folder of a run: what it has ingested is reused if nothing changed (default: runs/NAME)",
    )
    parser.set_defaults(command=_schema)


def _schema(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.schema import widen_curated_schema, write_proposed_schema, write_schema
    from diptych.pipeline.prepare.schema_text import diff_schemas
    from diptych.pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    folder = options.run or os.path.join("runs", settings.name)
    if not options.update:
        output = options.output or "schema.pbtxt"
        write_proposed_schema(settings, folder, output)
        print_line(f"Written: {output}. Review it, then name it in data.schema_file")
        return OK
    old, new = widen_curated_schema(settings, folder)
    output = options.output or str(settings.data.schema_file)
    for line in diff_schemas(old, new):
        print_line(line)
    write_schema(new, output)
    print_line(f"Written: {output}")
    return OK
