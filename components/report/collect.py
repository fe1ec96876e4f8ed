"""Joins whatever a run left behind to what the page is told. Any of it may be missing, or no longer be whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from diptych.components.report.answers import ROWS_SCORED, calibration, majority, mistakes, score
from diptych.components.report.curves import read_curves
from diptych.components.report.dataset_profile import row_facts
from diptych.components.report.protos import read_anomalies, read_schema, read_statistics
from diptych.components.report.report_data import (
    Account,
    Anomaly,
    Contents,
    Decision,
    FeatureStatistics,
    Lineage,
    RejectedRow,
    RowFacts,
    Scored,
    Shown,
    Verdict,
)
from diptych.components.report.rows import Rows, read_at, read_rows
from diptych.components.report.thumbnails import read_pictures, read_rejected
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.serving.card import read_card, read_model_vocabulary
from diptych.models.text.options import TextOptions
from diptych.models.tfrecords import list_split_files

#: What there may be of a run; each is the folder of an artifact.
ARTIFACTS = (
    "examples",
    "rejects",
    "statistics",
    "schema",
    "anomalies",
    "verdict",
    "linear_baseline",
    "model",
    "model_run",
    "evaluation",
    "blessing",
)

_REJECTS_READ = 10_000
_REJECT_PICTURES = 40
_MISTAKES = 18
# Where the gate keeps the statistics that it measured drift from.
_REFERENCE_FILE = os.path.join(REFERENCE_FOLDER, STATISTICS_FILE)

_READ_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, DecodeError, tf.errors.OpError)

FeaturesStatistics = Mapping[str, Mapping[str, FeatureStatistics]]

T = TypeVar("T")


@dataclass(frozen=True)
class Sources:
    """Where what is reported lies.

    Attributes:
        uris: names among ``ARTIFACTS`` to folders.
        failure: where and why the run ended early, in words.
        images_root: the folder that rejected rows' images are looked for in; empty where it is not known.
    """

    title: str
    uris: Mapping[str, str]
    failure: str = ""
    images_root: str = ""
    lineage: Lineage = Lineage()


@dataclass(frozen=True)
class _Reader:
    """Reads artifacts, and keeps the names of those that cannot be read and why."""

    uris: Mapping[str, str]
    missing: dict[str, str] = field(default_factory=dict)

    def read(self, name: str, function: Callable[[str], T], default: T) -> T:
        if name not in self.uris:
            self.missing.setdefault(name, "the run did not come to it")
            return default
        try:
            return function(self.uris[name])
        except _READ_ERRORS as error:
            self.missing[name] = f"{type(error).__name__}: {error}"
            return default


def gather(sources: Sources) -> Contents:
    """Reads what there is; ``missing`` names what there is not, and why."""
    reader = _Reader(sources.uris)
    account = reader.read("rejects", _read_account, None)
    rejects: list[RejectedRow] = reader.read("rejects", _read_rejects, [])
    statistics: FeaturesStatistics = reader.read("statistics", _read_statistics, {})
    facts, scored = _look_at_rows(reader, account)
    labels = account.labels if account else {}
    return Contents(
        title=sources.title,
        failure=sources.failure,
        missing=reader.missing,
        account=account,
        rejects=rejects,
        reject_pictures=read_rejected(rejects, sources.images_root, _REJECT_PICTURES) if sources.images_root else {},
        verdict=reader.read("verdict", lambda uri: Verdict.model_validate(read_json(uri, VERDICT_FILE)), None),
        anomalies=reader.read("anomalies", lambda uri: list(_read_anomalies(uri)), []),
        schema=reader.read("schema", _read_schema, []),
        statistics=statistics,
        reference=reader.read("verdict", _read_reference, {}),
        facts=facts,
        decision=reader.read("evaluation", lambda uri: Decision.model_validate(read_json(uri, DECISION_FILE)), None),
        # The file that Pusher obeys, on every orchestrator.
        blessed=reader.read("blessing", lambda uri: bool(fileio.exists(os.path.join(uri, BLESSED_FILE))), None),
        linear_baseline=reader.read("linear_baseline", lambda uri: dict(read_json(uri, METRICS_FILE)), {}),
        majority=majority(labels, features.TRAIN, features.TEST),
        curves=reader.read("model_run", read_curves, {}),
        confusion=reader.read("evaluation", lambda uri: dict(read_json(uri, CONFUSION_FILE)), {}),
        per_label=reader.read("evaluation", lambda uri: dict(read_json(uri, PER_LABEL_FILE)), {}),
        scored=scored,
        lineage=sources.lineage,
    )


def _read_account(uri: str) -> Account:
    return Account.model_validate(read_json(uri, ACCOUNT_FILE))


def _read_rejects(uri: str) -> list[RejectedRow]:
    with tf.io.gfile.GFile(os.path.join(uri, REJECTS_FILE)) as file:
        return [RejectedRow.model_validate_json(line) for line in islice(file, _REJECTS_READ)]


def _splits(uri: str) -> list[str]:
    return [split for split in features.SPLITS if fileio.exists(split_folder(uri, split))]


def _split_file(uri: str, split: str, name: str) -> bytes:
    return bytes(io_utils.read_bytes_file(os.path.join(split_folder(uri, split), name)))


def _read_schema(uri: str) -> list[Any]:
    return read_schema(io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uri)))


def _read_anomalies(uri: str) -> Iterator[Anomaly]:
    for split in _splits(uri):
        yield from read_anomalies(split, anomalies_pb2.Anomalies.FromString(_split_file(uri, split, ANOMALIES_FILE)))


def _read_statistics(uri: str) -> FeaturesStatistics:
    """Feature to split to figures, features in the order of the record contract."""
    found: dict[str, dict[str, FeatureStatistics]] = {name: {} for name in features.STATISTICS_FEATURES}
    for split in _splits(uri):
        for feature, figures in _statistics(_split_file(uri, split, STATISTICS_FILE)).items():
            found.setdefault(feature, {})[split] = figures
    return {feature: splits for feature, splits in found.items() if splits}


def _statistics(content: bytes) -> dict[str, FeatureStatistics]:
    return read_statistics(statistics_pb2.DatasetFeatureStatisticsList.FromString(content))


def _read_reference(verdict: str) -> dict[str, FeatureStatistics]:
    path = os.path.join(verdict, _REFERENCE_FILE)
    return _statistics(bytes(io_utils.read_bytes_file(path))) if fileio.exists(path) else {}


def _look_at_rows(reader: _Reader, account: Account | None) -> tuple[RowFacts | None, Scored | None]:
    if account is None:
        return None, None
    counts = {split: account.examples.get(split, 0) for split in features.SPLITS}
    rows = reader.read("examples", lambda uri: read_rows(uri, counts), None)
    image = reader.read("rejects", _read_image_options, None)
    if rows is None or image is None:
        return None, None
    encoding: tuple[TextOptions, Collection[str]] = (TextOptions(), ())
    text, terms = reader.read("model", _read_encoding, encoding)
    examples = reader.uris["examples"]
    facts = reader.read("examples", lambda uri: row_facts(rows, uri, image, text, terms), None)
    return facts, reader.read("model", lambda uri: _score(uri, examples, rows, image), None)


def _read_image_options(rejects: str) -> ImageOptions:
    return ImageOptions.model_validate(read_json(rejects, ACCOUNT_FILE)["image"])


def _read_encoding(model: str) -> tuple[TextOptions, Collection[str]]:
    serving = path_utils.serving_model_path(model)
    return read_card(serving).text, read_model_vocabulary(serving)


def _score(model: str, examples: str, rows: Rows, image: ImageOptions) -> Scored | None:
    of_test = rows.of(features.TEST)
    numbers = of_test[:: max(1, -(-len(of_test) // ROWS_SCORED))].tolist()
    if not numbers:
        return None
    places = [int(rows.place[number]) for number in numbers]
    records = list(read_at(list_split_files(examples, features.TEST), places))
    answers = score(path_utils.serving_model_path(model), records, [rows.labels[number] for number in numbers])
    wrong = mistakes(answers, _MISTAKES)
    pictures = read_pictures(examples, {features.TEST: [places[one.row] for one in wrong]}, image)

    def show(row: int, note: str) -> Shown:
        number = numbers[row]
        texts = (rows.values[name][number] for name in (features.ID, features.DESCRIPTION))
        identity, description = texts
        label = ", ".join(rows.labels[number])
        picture = pictures.get((features.TEST, places[row]))
        return Shown(identity, features.TEST, label, description, note, picture)

    shown: Sequence[Shown] = [show(one.row, f"{one.answered} {one.score:.1%}") for one in wrong]
    return Scored(len(numbers), calibration(answers), shown)
