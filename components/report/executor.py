"""The executor of Report."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx import types
from tfx.components.evaluator.constants import BLESSED_FILE_NAME
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME as ANOMALIES_FILE
from tfx.components.statistics_gen.executor import DEFAULT_FILE_NAME as STATISTICS_FILE
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifacts import read_json
from components.report.contents import (
    Account,
    Anomaly,
    Contents,
    Decision,
    FeatureStatistics,
    RejectedRow,
    Sample,
    Verdict,
)
from components.report.page import render
from components.report.protos import read_anomalies, read_schema, read_statistics
from components.report.samples import read_samples
from models import features
from models.images import ImageOptions
from models.tfrecords import split_files

TITLE_KEY = "title"
IMAGE_OPTIONS_KEY = "image_options"
REPORT_FILE = "report.html"

_REJECTS_PER_REASON = 5
_LABELS_SAMPLED = 12

Statistics = Mapping[str, Mapping[str, FeatureStatistics]]


class ReportExecutor(base_executor.BaseExecutor):
    """Reads what the other components left behind and writes the page."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes ``report.html``."""
        inputs = {name: artifact_utils.get_single_instance(artifacts) for name, artifacts in input_dict.items()}
        image = ImageOptions.model_validate_json(exec_properties[IMAGE_OPTIONS_KEY])
        page = render(_contents(exec_properties[TITLE_KEY], inputs, image))
        report = artifact_utils.get_single_uri(output_dict["report"])
        fileio.makedirs(report)
        io_utils.write_bytes_file(os.path.join(report, REPORT_FILE), page.encode())


def _contents(title: str, inputs: Mapping[str, types.Artifact], image: ImageOptions) -> Contents:
    uris = {name: artifact.uri for name, artifact in inputs.items()}
    statistics = _read_statistics(inputs["statistics"])
    return Contents(
        title=title,
        # The file that Pusher obeys, on every orchestrator.
        blessed=fileio.exists(os.path.join(uris["blessing"], BLESSED_FILE_NAME)),
        decision=Decision.model_validate(read_json(uris["evaluation"], "decision.json")),
        account=Account.model_validate(read_json(uris["rejects"], "account.json")),
        verdict=Verdict.model_validate(read_json(uris["verdict"], "verdict.json")),
        linear_baseline=read_json(uris["linear_baseline"], "metrics.json"),
        rejects=list(_read_rejects(uris["rejects"])),
        anomalies=list(_read_anomalies(inputs["anomalies"])),
        schema=read_schema(io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uris["schema"]))),
        statistics=statistics,
        samples=_read_samples(uris["examples"], statistics, image),
        last_blessed=_read_last_blessed(uris["evaluation"]),
    )


def _read_rejects(uri: str) -> Iterator[RejectedRow]:
    """The first rows of each reason."""
    seen: Counter[str] = Counter()
    with tf.io.gfile.GFile(os.path.join(uri, "rejects.jsonl")) as file:
        for line in file:
            reject = RejectedRow.model_validate_json(line)
            seen[reject.reason] += 1
            if seen[reject.reason] <= _REJECTS_PER_REASON:
                yield reject


def _splits(artifact: types.Artifact) -> list[str]:
    return sorted(artifact_utils.decode_split_names(artifact.split_names), key=features.SPLITS.index)


def _split_file(artifact: types.Artifact, split: str, name: str) -> bytes:
    return bytes(io_utils.read_bytes_file(os.path.join(artifact_utils.get_split_uri([artifact], split), name)))


def _read_anomalies(artifact: types.Artifact) -> Iterator[Anomaly]:
    for split in _splits(artifact):
        message = anomalies_pb2.Anomalies.FromString(_split_file(artifact, split, ANOMALIES_FILE))
        yield from read_anomalies(split, message)


def _read_statistics(artifact: types.Artifact) -> Statistics:
    """Feature to split to figures, features in the order of the record contract."""
    found: dict[str, dict[str, FeatureStatistics]] = {name: {} for name in features.LIGHT_FEATURES}
    for split in _splits(artifact):
        message = statistics_pb2.DatasetFeatureStatisticsList.FromString(_split_file(artifact, split, STATISTICS_FILE))
        for feature, figures in read_statistics(message).items():
            found.setdefault(feature, {})[split] = figures
    return {feature: splits for feature, splits in found.items() if splits}


def _read_samples(examples_uri: str, statistics: Statistics, image: ImageOptions) -> dict[str, list[Sample]]:
    """Of the most frequent labels of train."""
    of_train = statistics.get(features.LABEL, {}).get(features.TRAIN)
    if of_train is None or of_train.strings is None:
        return {}
    labels = dict(Counter(of_train.strings.counts).most_common(_LABELS_SAMPLED))
    files = split_files(examples_uri, features.TRAIN)
    return read_samples(files, labels, image)


def _read_last_blessed(evaluation: str) -> dict[str, dict[str, float]]:
    """Slice to metrics of the model that the network was compared with; empty if there was none."""
    if not read_json(evaluation, "decision.json")["last_blessed"]:
        return {}
    # Slow to import, and a first run has no use for it.
    import tensorflow_model_analysis as tfma

    specs = tfma.load_eval_result(evaluation).config.model_specs
    (name,) = [spec.name for spec in specs if spec.is_baseline]
    result = tfma.load_eval_result(evaluation, model_name=name)
    return {", ".join(f"{key}={value}" for key, value in keys): _figures(m) for keys, m in result.slicing_metrics}


def _figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    values = metrics[""][""].items()
    return {name: float(value["doubleValue"]) for name, value in values if "doubleValue" in value}
