"""Commands about pushed models: ``predict`` and ``export-model``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from diptych.models.counts import pluralize
from diptych.models.errors import FAILED, OK, USAGE
from diptych.pipeline.cli.notes import told_notes
from diptych.pipeline.cli.terminal import add_overrides_argument, complain, integer_within, print_json, print_line

if TYPE_CHECKING:
    from diptych.pipeline.predict.images import Prediction

_DEFAULT_TOP = 3


def add_predict(commands: Any) -> None:
    """Adds ``diptych predict``."""
    parser = commands.add_parser(
        "predict",
        help="classify images, or every row of a catalogue, with a model",
        description="Prints the labels and scores that a pushed model, or with --run the one that a run has trained, "
        "gives to image files with texts. With "
        "--catalogue it classifies every row of a catalogue, which needs no labels, and writes them to a file. The "
        "exit code is 1 if an image or a row cannot be classified: it is named with the reason, and the others get "
        "their answer.",
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="the folder of a pushed model, or of a run that pushed one; left out with --run",
    )
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="image files")
    parser.add_argument(
        "--run",
        metavar="RUN",
        help="the folder of a run, whose model is asked even if it was not good enough to be pushed",
    )
    parser.add_argument(
        "--text",
        action="append",
        default=[],
        help="a description: one for all images, or one for each in their order; none for a model of images alone",
    )
    parser.add_argument(
        "--top",
        type=integer_within(1),
        help="how many labels to show or write (default: 3, or all with --json or --catalogue)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--catalogue", help="classify the rows of this catalogue, or of the one that this diptych.yaml names"
    )
    parser.add_argument("--output", help="the .jsonl or .parquet file to write for --catalogue")
    add_overrides_argument(parser)
    parser.set_defaults(command=_predict)


def _predict(options: argparse.Namespace) -> int:
    if options.run is not None and options.model is not None:
        # The first argument is an image then.
        options.images, options.model = [options.model, *options.images], None
    if options.run is None and options.model is None:
        return complain("predict: name a pushed model, or a run with --run", USAGE)
    if bool(options.images) == bool(options.catalogue):
        return complain(
            "predict: give image files, with --text if the model takes texts, or a --catalogue with --output", USAGE
        )
    if options.catalogue:
        return _predict_catalogue(options)
    return _predict_images(options)


def _predict_images(options: argparse.Namespace) -> int:
    from dataclasses import asdict, replace

    from diptych.pipeline.local.log_capture import silence_output
    from diptych.pipeline.predict.images import predict_images

    with told_notes(), silence_output():
        predictions = predict_images(_model_folder(options), options.images, options.text)
    top = options.top or (None if options.json else _DEFAULT_TOP)
    predictions = [replace(each, labels=each.labels[:top], scores=each.scores[:top]) for each in predictions]
    if options.json:
        print_json([asdict(prediction) for prediction in predictions])
    else:
        for prediction in predictions:
            print_line(f"{prediction.image}: {_describe(prediction)}")
    failed = [prediction.image for prediction in predictions if prediction.error]
    if not failed:
        return OK
    return complain(f"{pluralize(len(failed), 'image')} of {len(predictions):,} could not be classified", FAILED)


def _model_folder(options: argparse.Namespace) -> str:
    from diptych.pipeline.predict.pushed_model import find_trained_model

    return find_trained_model(options.run) if options.run is not None else str(options.model)


def _describe(prediction: Prediction) -> str:
    if prediction.error:
        return f"not classified: {prediction.error}"
    pairs = zip(prediction.labels, prediction.scores, strict=True)
    scores = ", ".join(f"{label} {score:.4f}" for label, score in pairs)
    return f"{', '.join(prediction.answer) or 'no label'} ({scores})"


def _predict_catalogue(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from diptych.pipeline.local.log_capture import silence_output

    if not options.output:
        return complain("predict: name the file to write with --output, a .jsonl or a .parquet", USAGE)
    with told_notes(), silence_output():
        # Importing Beam prints warnings that do not matter here.
        from diptych.pipeline.predict.catalogue import predict_catalogue

        done = predict_catalogue(
            _model_folder(options),
            options.catalogue,
            options.output,
            run=options.run,
            overrides=options.overrides,
            top=options.top,
        )
    if options.json:
        print_json(asdict(done))
    else:
        predicted, rejected = pluralize(done.predictions, "prediction"), pluralize(sum(done.rejects.values()), "reject")
        print_line(f"{pluralize(done.rows, 'row')} = {predicted} + {rejected}")
        print_line(f"Written: {done.output}; rejected rows: {done.rejects_file}")
    if not done.rejects:
        return OK
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in done.rejects.items())
    rejected = pluralize(sum(done.rejects.values()), "row")
    return complain(f"{rejected} of {done.rows:,} could not be classified: {reasons}; see {done.rejects_file}", FAILED)


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

    with told_notes(), silence_output():
        files = export_model(options.model, options.to, options.output)
    print_line(f"Written: {', '.join(files)}")
    return OK
