"""Commands about catalogues: ``init``, ``convert``, ``check`` and ``schema``."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from diptych.models.errors import GATE_STOPPED, OK, USAGE
from diptych.pipeline.cli.notes import told_notes
from diptych.pipeline.cli.terminal import (
    add_overrides_argument,
    add_settings_arguments,
    complain,
    print_json,
    print_line,
)

if TYPE_CHECKING:
    from diptych.pipeline.prepare.check import CheckResult
    from diptych.pipeline.settings import Settings


def add_init(commands: Any) -> None:
    """Adds ``diptych init``."""
    parser = commands.add_parser(
        "init",
        help="write a settings file for a catalogue",
        description="Reads a sample of a catalogue's rows and images, decides how to read it and which column has "
        "what, says what it was unsure of, and writes a settings file that diptych run takes as it is. Comments in it "
        "say why, and what else can be chosen.",
    )
    parser.add_argument("catalogue", metavar="CATALOGUE", help="a file, a pattern of files, or a folder")
    parser.add_argument("--output", default="diptych.yaml", help="the settings file to write (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace a settings file that exists")
    parser.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.describe import describe_preview
    from diptych.pipeline.prepare.init import write_settings
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
        help="read the whole catalogue, say what a run would reject and its gate find, and show it",
        description="Reads every row and image as a run does, and prints the rows that would be rejected by reason, "
        "the examples of each split and label, and what the data gate would warn of or stop a run for. All rejects are "
        "written to a file. The exit code is 3 if a run would be stopped.",
    )
    parser.add_argument(
        "config",
        metavar="PATH",
        help="a settings file, such as diptych.yaml; or a catalogue: then with the settings that diptych run decides",
    )
    add_overrides_argument(parser)
    parser.add_argument(
        "--html",
        metavar="FILE",
        nargs="?",
        const="",
        help="write a page with pictures as the model would get them, texts, labels, rejects and findings (default: "
        "NAME-check.html)",
    )
    parser.add_argument(
        "--rejects",
        metavar="FILE",
        help="the file for all rejects, a line of JSON for each (default: NAME-rejects.jsonl, if there are any)",
    )
    parser.add_argument(
        "--run",
        metavar="RUN",
        help="the folder of a run: the data are compared with those that its gate accepted last (default: runs/NAME)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON with rows, examples, labels, rejects and findings; rejects are then only written to --rejects",
    )
    parser.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.check import check_catalogue
    from diptych.pipeline.prepare.check_lines import check_as_json, describe_check
    from diptych.pipeline.prepare.check_settings import find_settings
    from diptych.pipeline.runs.run_folder import RunFolder

    # Else 'check --html diptych.yaml shop.csv' would write over the settings.
    if options.html and not options.html.lower().endswith((".html", ".htm")):
        return complain(f"--html: name a file that ends with .html, not '{options.html}'", USAGE)
    settings, decided = find_settings(options.config, options.overrides)
    run = RunFolder(options.run or os.path.join("runs", settings.name))
    with told_notes():
        result = check_catalogue(settings, settings.push.directory or run.pushed_folder)
    if options.json:
        print_json(check_as_json(result))
    else:
        for line in (*decided, *describe_check(result)):
            print_line(line)
    _write_check(result, settings, options)
    return OK if result.passes else GATE_STOPPED


def _write_check(result: CheckResult, settings: Settings, options: argparse.Namespace) -> None:
    """Writes the files of ``diptych check``; says where, unless JSON is printed."""
    from diptych.pipeline.prepare.check_lines import write_rejects
    from diptych.pipeline.prepare.check_page import write_check_page

    rejects = options.rejects or f"{settings.name}-rejects.jsonl"
    # A file that an earlier check left must not say what is no longer so.
    if options.rejects or (not options.json and (result.rejects or os.path.exists(rejects))):
        write_rejects(result.rejects, rejects)
    if result.rejects and not options.json:
        print_line(f"All rejects: {rejects}")
    if options.html is not None:
        page = options.html or f"{settings.name}-check.html"
        write_check_page(result, settings, page, os.path.basename(rejects))
        if not options.json:
            print_line(f"Page: {page}")


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
