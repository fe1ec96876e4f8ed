"""Reads what a comparison needs of a run's artifacts, and asks models that kept no predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tfx.utils import path_utils

from diptych.components.artifacts import ACCOUNT_FILE, read_json
from diptych.components.example_columns import read_columns
from diptych.components.report.comparison.compared_run import (
    ComparedRun,
    DatasetRow,
    PredictedLabels,
    StoredDataset,
)
from diptych.components.report.data_collection import ReportSources, collect_report_data
from diptych.components.report.predictions import read_predictions
from diptych.components.report.report_data import Account, ReportData
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.pattern_signs import load_saved_model
from diptych.models.serving.card import ModelCard, read_card, reason_not_scorable
from diptych.models.tfrecords import list_split_files, read_records
from diptych.models.thresholds import predict_labels

# Of a dataset of more rows than these, those of test alone are compared row by row: a row takes about 500 bytes.
_MAX_ROWS = 1_000_000
_BATCH = 64
_FEATURES = (features.ID, features.DESCRIPTION, features.SHA256)
_READ_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, DecodeError, tf.errors.OpError)


def collect_run(
    name: str, sources: ReportSources, settings: Mapping[str, Any], versions: Mapping[str, str], digest: str
) -> ComparedRun:
    """What is left of a run.

    Args:
        settings: section to key to value; empty if the run kept none.
        digest: of its dataset; empty if it is damaged or missing.
    """
    run = ComparedRun(name, collect_report_data(sources), settings, versions)
    notes = [] if settings else ["kept no settings: an earlier version made it, or it was killed"]
    try:
        run = replace(run, dataset=read_dataset(sources.uris["examples"], sources.uris["rejects"], digest))
    except _READ_ERRORS:
        notes.append("has no dataset that can be read")
    if "model" in sources.uris:
        run = _with_model(run, path_utils.serving_model_path(sources.uris["model"]))
    try:
        kept = read_predictions(sources.uris["evaluation"])
    except _READ_ERRORS:
        kept = {}
    if kept:
        run = replace(run, predictions={row_id: tuple(sorted(each.labels)) for row_id, each in kept.items()})
    else:
        run, how = score(run, run.dataset)
        notes.append(f"kept no predictions: {how}")
    return replace(run, notes=notes)


def _with_model(run: ComparedRun, folder: str) -> ComparedRun:
    """The run with its model; without it if the card cannot be read."""
    try:
        return replace(run, model=folder, weights=read_card(folder).digest)
    except _READ_ERRORS:
        return run


def collect_pushed_model(folder: str, card: ModelCard, dataset: StoredDataset | None) -> ComparedRun:
    """What the card of a pushed model says, and what the model predicts for the test rows of the run beside it.

    Args:
        folder: of the SavedModel.
        dataset: that of the run beside it; None if there is none.
    """
    kept = card.model_dump(mode="json")
    settings = {"image": kept["image"], "text": kept["text"], "train": {"task": kept["task"]}}
    run = ComparedRun(folder, ReportData(folder), settings, card.versions, is_pushed=True)
    run = replace(run, model=folder, weights=card.digest)
    run, how = score(run, dataset)
    lacks = "is a pushed model, whose card has no metrics, no data and only the settings of images, texts and task"
    return replace(run, notes=[f"{lacks}: {how}"])


def read_dataset(examples: str, rejects: str, digest: str) -> StoredDataset:
    """Reads the rows of a dataset without their pixels.

    Args:
        examples: the folder of the Examples.
        rejects: the folder of the Rejects, with the account.

    Raises:
        OSError, ValueError, tf.errors.OpError: a file is missing, damaged or of another version.
    """
    content = read_json(rejects, ACCOUNT_FILE)
    account, image = Account.model_validate(content), ImageOptions.model_validate(content["image"])
    is_whole = sum(account.examples.values()) <= _MAX_ROWS
    rows = {
        row_id: row
        for split in (features.SPLITS if is_whole else (features.TEST,))
        for row_id, row in _read_rows(examples, split).items()
    }
    return StoredDataset(examples, image, account.descriptions, digest, rows, is_whole)


def _read_rows(examples: str, split: str) -> dict[str, DatasetRow]:
    columns = read_columns(list_split_files(examples, split), _FEATURES)
    rows = zip(*(columns.values[name] for name in _FEATURES), columns.labels, strict=True)
    return {
        row_id: DatasetRow(split, place, tuple(sorted(labels)), description, image)
        for place, (row_id, description, image, labels) in enumerate(rows)
    }


def score(run: ComparedRun, dataset: StoredDataset | None) -> tuple[ComparedRun, str]:
    """Asks the model of a run about the test rows of a dataset.

    Returns:
        The run with its predictions, and how that went, to be read after a colon.
    """
    if dataset is None:
        return run, "there are no test rows to ask it about"
    if not run.model:
        return run, "there is no model to ask"
    try:
        if reason := reason_not_scorable(read_card(run.model), dataset.image, dataset.has_texts):
            return run, reason
        return replace(run, predictions=predict_test(run.model, dataset)), "it was asked about the test rows here"
    except _READ_ERRORS as error:
        return run, f"it cannot be asked ({str(error).strip().partition(chr(10))[0] or type(error).__name__})"


def predict_test(model: str, dataset: StoredDataset) -> PredictedLabels:
    """The labels that a model predicts for the rows of test, read once in the order of their records.

    Args:
        model: the folder of a SavedModel that can score the records.
    """
    card = read_card(model)
    serve = load_saved_model(model).signatures["serving_default"]
    of_test = sorted((row.place, row_id) for row_id, row in dataset.rows.items() if row.split == features.TEST)
    predicted: list[tuple[str, ...]] = []
    for records in read_records(list_split_files(dataset.examples, features.TEST)).batch(_BATCH):
        scores = next(iter(serve(examples=records).values())).numpy()
        for row in predict_labels(scores, card.thresholds, card.at_least_one):
            predicted.append(tuple(sorted(card.labels[column] for column in row.nonzero()[0])))
    return dict(zip((row_id for _, row_id in of_test), predicted, strict=True))
