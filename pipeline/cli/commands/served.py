"""Commands about served models: ``predict`` and ``export-model``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from diptych.models.errors import OK, USAGE
from diptych.pipeline.cli.terminal import add_overrides_argument, complain, print_line

_LABELS_ASKED = 3


def add_predict(commands: Any) -> None:
    """Adds ``diptych predict``."""
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
        return complain("predict: give image files with --text, or a --catalogue with --output", USAGE)
    if options.catalogue:
        return _predict_catalogue(options)
    if not options.text:
        return complain("predict: give a --text for each image, or one for all; an empty one if there is none", USAGE)
    return _predict_images(options)


def _predict_images(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.predict.images import predict_images

    with silence_output():
        predictions = predict_images(options.model, options.images, options.text)
    if options.json:
        print_line(json.dumps([asdict(prediction) for prediction in predictions], indent=2, ensure_ascii=False))
        return OK
    for prediction in predictions:
        best = list(zip(prediction.labels, prediction.scores, strict=True))[: options.top or _LABELS_ASKED]
        print_line(f"{prediction.image}: " + ", ".join(f"{label} {score:.4f}" for label, score in best))
    return OK


def _predict_catalogue(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from diptych.pipeline.local.log_capture import silence_output

    if not options.output:
        return complain("predict: name the file to write with --output, a .jsonl or a .parquet", USAGE)
    with silence_output():
        # Importing Beam warns of much that is no matter here.
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
    parser = commands.add_parser("export-model", help="the network of a pushed model, as a TFLite or ONNX file")
    parser.add_argument("model", metavar="MODEL", help="folder of a pushed model, or of a run")
    parser.add_argument("--to", required=True, choices=["tflite", "onnx"])
    parser.add_argument("--output", required=True, help="the file to write; its description lies beside it, as JSON")
    parser.set_defaults(command=_export_model)


def _export_model(options: argparse.Namespace) -> int:
    from diptych.pipeline.export.model import export_model
    from diptych.pipeline.local.log_capture import silence_output

    with silence_output():
        files = export_model(options.model, options.to, options.output)
    print_line(f"Written: {', '.join(files)}")
    return OK
