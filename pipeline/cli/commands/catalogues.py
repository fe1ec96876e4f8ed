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
    from diptych.pipeline.prepare.check import Check

_LABELS_SHOWN = 20


def add_init(commands: Any) -> None:
    """Adds ``diptych init``."""
    parser = commands.add_parser("init", help="look at a catalogue and write a diptych.yaml for it")
    parser.add_argument("catalogue", metavar="CATALOGUE", help="a file, a pattern of files, or a folder")
    parser.add_argument("--output", default="diptych.yaml", help="the settings to write (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="write over settings that are there")
    parser.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.init import describe_preview, preview_catalogue, write_settings

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
    from diptych.pipeline.convert.conversion import convert, summary

    names = {part: name for part in ("image", "description", "label") if (name := getattr(options, part))}
    for line in summary(convert(options.old, options.new, names, options.channels)):
        print_line(line)
    print_line(f"Written: {options.new}. To use it: diptych init {options.new}")
    return OK


def add_check(commands: Any) -> None:
    """Adds ``diptych check``."""
    parser = commands.add_parser("check", help="read the whole catalogue and say what would be rejected")
    add_settings_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON: rows, examples, rejects, findings")
    parser.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> int:
    from diptych.pipeline.prepare.check import check_catalogue
    from diptych.pipeline.settings import load_settings

    check = check_catalogue(load_settings(options.config, options.overrides))
    if options.json:
        rejects = [reject.as_json() for reject in check.rejects]
        findings = [finding.as_json() for finding in check.findings]
        report = {"rows": check.rows, "examples": check.examples, "labels": check.labels}
        report |= {"rejects": rejects, "findings": findings}
        print_line(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _show_check(check)
    return OK if check.passes else GATE_STOPPED


def _show_check(check: Check) -> None:
    from diptych.components.catalogue.reasons import REASONS

    splits = ", ".join(f"{split} {count:,}" for split, count in check.examples.items())
    print_line(f"{check.rows:,} rows = {sum(check.examples.values()):,} examples + {len(check.rejects):,} rejects")
    print_line(f"Examples: {splits}")
    for line in _label_lines(check):
        print_line(line)
    for reject in check.rejects:
        print_line(f"{reject.source} row {reject.row}, {reject.image or 'no image'}: {reject.reason}: {reject.detail}")
    for reason in sorted({reject.reason for reject in check.rejects}):
        print_line(f"What to do about {reason}: {REASONS[reason]}")
    for finding in check.findings:
        if finding.stops:
            print_line(f"A run would stop: {finding.message}")
    if empty := [split for split, count in check.examples.items() if count == 0]:
        print_line(f"A run would stop: no example in split {', '.join(empty)}")


def _label_lines(check: Check) -> Iterator[str]:
    """The shares of the splits in each of the most frequent labels."""
    listed = sorted(check.labels.items(), key=lambda item: -sum(item[1].values()))
    for label, counts in listed[:_LABELS_SHOWN]:
        total = sum(counts.values())
        shares = ", ".join(f"{split} {count:,} ({count / total:.1%})" for split, count in counts.items())
        yield f"Label '{label}': {shares}"
    if len(listed) > _LABELS_SHOWN:
        yield f"and {len(listed) - _LABELS_SHOWN:,} more labels, all of which --json lists"


def add_schema(commands: Any) -> None:
    """Adds ``diptych schema``."""
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
    from diptych.pipeline.prepare.schema import difference, propose, propose_update, write
    from diptych.pipeline.settings import load_settings

    settings = load_settings(options.config, options.overrides)
    folder = options.run or os.path.join("runs", settings.name)
    if not options.update:
        output = options.output or "schema.pbtxt"
        propose(settings, folder, output)
        print_line(f"Written: {output}. Review it, then name it in data.schema_file")
        return OK
    old, new = propose_update(settings, folder)
    output = options.output or str(settings.data.schema_file)
    for line in difference(old, new):
        print_line(line)
    write(new, output)
    print_line(f"Written: {output}")
    return OK
