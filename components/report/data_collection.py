"""Collects the data of a report from the artifacts of a run. Any of them may be missing or damaged."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import islice
from typing import Any, TypeVar

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.dsl.io import fileio
from tfx.utils import io_utils, path_utils

from diptych.components.artifacts import (
    ACCOUNT_FILE,
    ANOMALIES_FILE,
    BLESSED_FILE,
    CONFUSION_FILE,
    DECISION_FILE,
    METRICS_FILE,
    PER_LABEL_FILE,
    REFERENCE_FOLDER,
    REJECTS_FILE,
    STATISTICS_FILE,
    VERDICT_FILE,
    read_json,
    split_folder,
)
from diptych.components.report import predictions
from diptych.components.report.dataset_profile import profile_dataset
from diptych.components.report.finding_rows import RowGroups
from diptych.components.report.gallery import make_gallery, show_rows_of_findings
from diptych.components.report.gallery_rows import Prediction, RowGallery
from diptych.components.report.report_data import (
    Account,
    Anomaly,
    DatasetProfile,
    DatasetStatistics,
    Decision,
    FeatureStatistics,
    Finding,
    Lineage,
    PredictionSummary,
    RejectedRow,
    ReportData,
    SchemaFeature,
    SuspiciousLabel,
    SuspiciousLabels,
    Verdict,
)
from diptych.components.report.row_gallery import make_row_gallery
from diptych.components.report.sampled_rows import SampledRows, read_sampled_rows
from diptych.components.report.suspicious_rows import read_suspicious_labels, show_suspicious_labels
from diptych.components.report.tfmd_conversion import convert_anomalies, convert_schema, convert_statistics
from diptych.components.report.thumbnails import make_reject_thumbnails
from diptych.components.report.training_curves import read_training_curves
from diptych.components.report.tuning_trials import read_trials
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.serving.card import read_card, read_model_vocabulary
from diptych.models.statistics.row_predictions import CalibrationBin
from diptych.models.step_usage import StepUsage
from diptych.models.text.options import TextOptions

#: The names under which a report knows the artifacts of a run.
ARTIFACT_NAMES = (
    "examples",
    "rejects",
    "statistics",
    "schema",
    "anomalies",
    "verdict",
    "linear_baseline",
    "tuner_results",
    "model",
    "model_run",
    "evaluation",
    "blessing",
)

_MAX_REJECTS = 10_000
_MAX_REJECT_THUMBNAILS = 40
_MAX_MISTAKES = 18

_READ_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, DecodeError, tf.errors.OpError)

T = TypeVar("T")


@dataclass(frozen=True)
class ReportSources:
    """Where the artifacts of a run are, and what they do not say.

    Attributes:
        uris: one of ``ARTIFACT_NAMES`` to the folder of the artifact.
        failure: where and why the run ended early, in words.
        going_on: that a run is going on, and what is shown of it, in words.
        images_root: the folder with the images of the catalogue; empty if it is unknown.
        settings: key to value and default, of the settings that differ from it.
        usage: what each component took; empty if it is unknown.
    """

    title: str
    uris: Mapping[str, str]
    failure: str = ""
    going_on: str = ""
    images_root: str = ""
    lineage: Lineage = Lineage()
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    usage: Mapping[str, StepUsage] = field(default_factory=dict)


@dataclass(frozen=True)
class _ArtifactReader:
    """Reads artifacts, and records for each one that cannot be read why it is missing."""

    uris: Mapping[str, str]
    missing: dict[str, str] = field(default_factory=dict)

    def read(self, name: str, function: Callable[[str], T], default: T) -> T:
        """What a function makes of the artifact's folder; the default if the artifact is missing or damaged."""
        if name not in self.uris:
            self.missing.setdefault(name, "the run did not come to it")
            return default
        try:
            return function(self.uris[name])
        except _READ_ERRORS as error:
            self.missing[name] = f"{type(error).__name__}: {error}"
            return default

    def read_dict(self, name: str, file: str) -> dict[str, Any]:
        """A JSON object in a file of the artifact; empty if the artifact is missing or damaged."""
        return self.read(name, lambda uri: dict(read_json(uri, file)), {})


def collect_report_data(sources: ReportSources) -> ReportData:
    """Reads every artifact that there is. The ``missing`` of the result names the others, and why they are missing."""
    reader = _ArtifactReader(sources.uris)
    account = reader.read("rejects", _read_account, None)
    rejects: list[RejectedRow] = reader.read("rejects", _read_rejects, [])
    statistics: DatasetStatistics = reader.read("statistics", _read_statistics, {})
    verdict = reader.read("verdict", lambda uri: Verdict.model_validate(read_json(uri, VERDICT_FILE)), None)
    suspicious = reader.read("linear_baseline", read_suspicious_labels, None)
    rows = _read_rows(reader, account, verdict.findings if verdict else [], suspicious)
    labels = account.labels if account else {}
    root = sources.images_root
    return ReportData(
        title=sources.title,
        failure=sources.failure,
        going_on=sources.going_on,
        missing=reader.missing,
        account=account,
        rejects=rejects,
        reject_thumbnails=make_reject_thumbnails(rejects, root, _MAX_REJECT_THUMBNAILS) if root else {},
        verdict=verdict,
        finding_rows=rows.findings,
        anomalies=reader.read("anomalies", lambda uri: list(_read_anomalies(uri)), []),
        schema=reader.read("schema", _read_schema, []),
        statistics=statistics,
        reference=reader.read("verdict", _read_reference, {}),
        profile=rows.profile,
        decision=reader.read("evaluation", lambda uri: Decision.model_validate(read_json(uri, DECISION_FILE)), None),
        # Every orchestrator's Pusher goes by this file too.
        blessed=reader.read("blessing", lambda uri: bool(fileio.exists(os.path.join(uri, BLESSED_FILE))), None),
        linear_baseline=reader.read_dict("linear_baseline", METRICS_FILE),
        majority_baseline=predictions.majority_baseline_metrics(
            labels, account.examples if account else {}, features.TRAIN, features.TEST
        ),
        training_curves=reader.read("model_run", read_training_curves, {}),
        confusion=reader.read_dict("evaluation", CONFUSION_FILE),
        per_label=reader.read_dict("evaluation", PER_LABEL_FILE),
        predictions=rows.predictions,
        suspicious=rows.suspicious,
        gallery=rows.gallery,
        lineage=sources.lineage,
        trials=reader.read("tuner_results", read_trials, []),
        settings=sources.settings,
        usage=sources.usage,
    )


def _read_account(uri: str) -> Account:
    return Account.model_validate(read_json(uri, ACCOUNT_FILE))


def _read_rejects(uri: str) -> list[RejectedRow]:
    with tf.io.gfile.GFile(os.path.join(uri, REJECTS_FILE)) as file:
        return [RejectedRow.model_validate_json(line) for line in islice(file, _MAX_REJECTS)]


def _list_splits(uri: str) -> list[str]:
    return [split for split in features.SPLITS if fileio.exists(split_folder(uri, split))]


def _read_split_file(uri: str, split: str, name: str) -> bytes:
    return bytes(io_utils.read_bytes_file(os.path.join(split_folder(uri, split), name)))


def _read_schema(uri: str) -> list[SchemaFeature]:
    return convert_schema(io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uri)))


def _read_anomalies(uri: str) -> Iterator[Anomaly]:
    for split in _list_splits(uri):
        message = anomalies_pb2.Anomalies.FromString(_read_split_file(uri, split, ANOMALIES_FILE))
        yield from convert_anomalies(split, message)


def _read_statistics(uri: str) -> DatasetStatistics:
    """The statistics, the features in the order of the record contract."""
    found: dict[str, dict[str, FeatureStatistics]] = {name: {} for name in features.STATISTICS_FEATURES}
    for split in _list_splits(uri):
        for feature, statistics in _parse_statistics(_read_split_file(uri, split, STATISTICS_FILE)).items():
            found.setdefault(feature, {})[split] = statistics
    return {feature: splits for feature, splits in found.items() if splits}


def _parse_statistics(content: bytes) -> dict[str, FeatureStatistics]:
    return convert_statistics(statistics_pb2.DatasetFeatureStatisticsList.FromString(content))


def _read_reference(verdict: str) -> dict[str, FeatureStatistics]:
    path = os.path.join(verdict, REFERENCE_FOLDER, STATISTICS_FILE)
    return _parse_statistics(bytes(io_utils.read_bytes_file(path))) if fileio.exists(path) else {}


@dataclass(frozen=True)
class _ShownRows:
    """What the report shows of the rows of the dataset."""

    profile: DatasetProfile | None = None
    findings: Mapping[int, RowGroups] = field(default_factory=dict)
    predictions: PredictionSummary | None = None
    suspicious: SuspiciousLabels | None = None
    gallery: RowGallery | None = None


def _read_rows(
    reader: _ArtifactReader,
    account: Account | None,
    findings: Sequence[Finding],
    suspicious: Sequence[SuspiciousLabel] | None,
) -> _ShownRows:
    if account is None:
        return _ShownRows()
    counts = {split: account.examples.get(split, 0) for split in features.SPLITS}
    rows = reader.read("examples", lambda uri: read_sampled_rows(uri, counts), None)
    image = reader.read("rejects", _read_image_options, None)
    if rows is None or image is None:
        return _ShownRows()
    unknown: tuple[TextOptions | None, Collection[str]] = (TextOptions() if account.descriptions else None, ())
    text, vocabulary = reader.read("model", _read_text_encoding, unknown)
    nothing: dict[str, Prediction] = {}
    predicted = reader.read("evaluation", predictions.read_predictions, nothing)
    calibration: list[CalibrationBin] = reader.read("evaluation", predictions.read_calibration, [])
    marked = [*findings, Finding(rule="suspicious_label", message="", ids=[each.id for each in suspicious or ()])]
    return _ShownRows(
        reader.read("examples", lambda uri: profile_dataset(rows, uri, image, text, vocabulary), None),
        reader.read("examples", lambda uri: show_rows_of_findings(findings, rows, uri, image), {}),
        reader.read("examples", lambda uri: _summarize_predictions(predicted, calibration, rows, uri, image), None),
        None
        if suspicious is None
        else reader.read("examples", lambda uri: show_suspicious_labels(suspicious, rows, uri, image), None),
        reader.read("examples", lambda uri: make_row_gallery(rows, uri, image, marked, predicted), None),
    )


def _read_image_options(rejects: str) -> ImageOptions:
    return ImageOptions.model_validate(read_json(rejects, ACCOUNT_FILE)["image"])


def _read_text_encoding(model: str) -> tuple[TextOptions | None, Collection[str]]:
    serving = path_utils.serving_model_path(model)
    return read_card(serving).text, read_model_vocabulary(serving)


def _summarize_predictions(
    predicted: Mapping[str, Prediction],
    calibration: Sequence[CalibrationBin],
    rows: SampledRows,
    examples: str,
    image: ImageOptions,
) -> PredictionSummary | None:
    if not predicted:
        return None
    of_test = rows.indices_of(features.TEST).tolist()
    ids = rows.values[features.ID]
    found = [(index, each.mistake) for index in of_test if (each := predicted.get(ids[index])) and each.mistake]
    mistakes = nlargest(_MAX_MISTAKES, found, key=lambda mistake: mistake[1][1])
    gallery = make_gallery(rows, [index for index, _ in mistakes], examples, image)
    displayed = [gallery.display(index, f"{label} {score:.1%}") for index, (label, score) in mistakes]
    return PredictionSummary(len(of_test), calibration, displayed)
