"""Commands about pushed models: ``predict`` and ``export-model``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from diptych.models.errors import OK, USAGE
from diptych.pipeline.cli.terminal import add_overrides_argument, complain, print_line

_DEFAULT_TOP = 3


def add_predict(commands: Any) -> None:
    """Adds ``diptych predict``."""
    parser = commands.add_parser(
        "predict",
        help="classify images, or every row of a catalogue, with a pushed model",
        description="Prints the labels and scores that a pushed model gives to image files with texts. With "
        "--catalogue it classifies every row of a catalogue, which needs no labels, and writes them to a file.",
    )
    parser.add_argument("model", metavar="MODEL", help="the folder of a pushed model, or of a run")
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="image files")
    parser.add_argument(
        "--text", action="append", default=[], help="a description: one for all images, or one for each in their order"
    )
    parser.add_argument(
        "--top", type=int, help="how many labels to show or write (default: 3, or all with --json or --catalogue)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--catalogue", help="classify the rows of this catalogue, or of the one that this diptych.yaml names"
    )
    parser.add_argument("--output", help="the .jsonl or .parquet file to write for --catalogue")
    add_overrides_argument(parser)
    parser.set_defaults(command=_predict)


def _predict(options: argparse.Namespace) -> int:
    if bool(options.images) == bool(options.catalogue):
        return complain("predict: give image files with --text, or a --catalogue with --output", USAGE)
    if options.catalogue:
        return _predict_catalogue(options)
    if not options.text:
        return complain("predict: give a --text for each image, or one for all; an empty one if there is none", USAGE)
    return _predict_images(options)


def _predict_images(options: argparse.Namespace) -> int:
    from dataclasses import asdict, replace

    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.predict.images import predict_images

    with silence_output():
        predictions = predict_images(options.model, options.images, options.text)
    top = options.top or (None if options.json else _DEFAULT_TOP)
    predictions = [replace(each, labels=each.labels[:top], scores=each.scores[:top]) for each in predictions]
    if options.json:
        print_line(json.dumps([asdict(prediction) for prediction in predictions], indent=2, ensure_ascii=False))
        return OK
    for prediction in predictions:
        best = zip(prediction.labels, prediction.scores, strict=True)
        print_line(f"{prediction.image}: " + ", ".join(f"{label} {score:.4f}" for label, score in best))
    return OK


def _predict_catalogue(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from diptych.pipeline.local.log_capture import silence_output

    if not options.output:
        return complain("predict: name the file to write with --output, a .jsonl or a .parquet", USAGE)
    with silence_output():
        # Importing Beam prints warnings that do not matter here.
        from diptych.pipeline.predict.catalogue import predict_catalogue

        done = predict_catalogue(
            options.model, options.catalogue, options.output, overrides=options.overrides, top=options.top
        )
    if options.json:
        print_line(json.dumps(asdict(done), indent=2, ensure_ascii=False))
        return OK
    rejected = sum(done.rejects.values())
    print_line(f"{done.rows:,} rows = {done.predictions:,} predictions + {rejected:,} rejects")
    print_line(f"Written: {done.output}; rejected rows: {done.rejects_file}")
    return OK


def add_export_model(commands: Any) -> None:
    """Adds ``diptych export-model``."""
    parser = commands.add_parser(
        "export-model",
        help="write the network of a pushed model as a TFLite or ONNX file",
        description="Writes the network of a pushed model to a TFLite or ONNX file. A JSON file beside it describes "
        "the inputs, how texts are encoded, and the labels.",
    )
    parser.add_argument("model", metavar="MODEL", help="the folder of a pushed model, or of a run")
    parser.add_argument("--to", required=True, choices=["tflite", "onnx"], help="the format")
    parser.add_argument("--output", required=True, help="the file to write; the JSON file gets '.json' after its name")
    parser.set_defaults(command=_export_model)


def _export_model(options: argparse.Namespace) -> int:
    from diptych.pipeline.export.model import export_model
    from diptych.pipeline.local.log_capture import silence_output

    with silence_output():
        files = export_model(options.model, options.to, options.output)
    print_line(f"Written: {', '.join(files)}")
    return OK
