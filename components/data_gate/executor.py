"""The executor of DataGate."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.api.validation_api import validate_instance
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.coders import example_coder

from components.artifacts import read_json, write_json
from components.data_gate.drift import STATISTICS_FILE, accept, check_drift
from components.data_gate.findings import Finding, check_anomaly, check_labels, check_rejects
from components.data_gate.options import GateOptions
from models import features
from models.labels import LabelOptions, Task
from models.tfrecords import read_records, split_files

GATE_OPTIONS_KEY = "gate_options"
LABEL_OPTIONS_KEY = "label_options"
TASK_KEY = "task"
PUSH_DIRECTORY_KEY = "push_directory"
VERDICT_FILE = "verdict.json"

# Enough to name rows; more would only be counted.
_MAX_IDS = 100
_BATCH = 256
_DATASET = "dataset"


class DataGateError(RuntimeError):
    """The data may not go on to training; the message lists why."""


class DataGateExecutor(base_executor.BaseExecutor):
    """Joins rejects, anomalies and labels to a verdict, and raises where it is to stop."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes ``verdict.json``; accepted statistics become what the next run's are compared with.

        Raises:
            DataGateError: a finding stops the run.
        """
        options = GateOptions.model_validate_json(exec_properties[GATE_OPTIONS_KEY])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        rejects = artifact_utils.get_single_uri(input_dict["rejects"])
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["schema"]))
        )
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        of_train = os.path.join(artifact_utils.get_split_uri([statistics], features.TRAIN), STATISTICS_FILE)
        push_directory = exec_properties[PUSH_DIRECTORY_KEY]
        findings = [
            *check_rejects(read_json(rejects, "account.json"), _read_rejects(rejects), options),
            *check_labels(
                {split: _ids_by_label(examples.uri, split, exec_properties[TASK_KEY]) for split in features.SPLITS},
                LabelOptions.model_validate_json(exec_properties[LABEL_OPTIONS_KEY]),
            ),
            *_check_anomalies(anomalies, examples, schema, options),
            *check_drift(of_train, push_directory, options),
        ]
        stopped = [finding.message for finding in findings if finding.stops]
        verdict = artifact_utils.get_single_uri(output_dict["verdict"])
        write_json(verdict, VERDICT_FILE, {"passed": not stopped, "findings": [f.as_json() for f in findings]})
        if stopped:
            raise DataGateError("the data gate stopped the run:\n" + "\n".join(f"- {message}" for message in stopped))
        accept(of_train, push_directory)


def _read_rejects(uri: str) -> list[dict[str, Any]]:
    with tf.io.gfile.GFile(os.path.join(uri, "rejects.jsonl")) as file:
        return [json.loads(line) for line in file]


def _records(examples_uri: str, split: str) -> tf.data.Dataset:
    return read_records(split_files(examples_uri, split))


def _ids_by_label(examples_uri: str, split: str, task: Task) -> dict[str, list[str]]:
    spec = {**features.parsing_spec([features.ID]), **features.label_spec(task)}
    found: dict[str, list[str]] = defaultdict(list)
    for batch in _records(examples_uri, split).batch(_BATCH).map(lambda records: tf.io.parse_example(records, spec)):
        identities = batch[features.ID].numpy()
        labels = batch[features.LABEL]
        if task == "multilabel":
            identities, labels = identities[labels.value_rowids().numpy()], labels.flat_values
        for identity, label in zip(identities, labels.numpy(), strict=True):
            found[label.decode()].append(identity.decode())
    return found


def _check_anomalies(
    anomalies: types.Artifact, examples: types.Artifact, schema: schema_pb2.Schema, options: GateOptions
) -> Iterator[Finding]:
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        path = os.path.join(artifact_utils.get_split_uri([anomalies], split), DEFAULT_FILE_NAME)
        found = anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
        entries = dict(found.anomaly_info)
        if found.HasField("dataset_anomaly_info"):
            entries[_DATASET] = found.dataset_anomaly_info
        if not entries:
            continue
        ids = _ids_by_anomaly(examples.uri, split, schema, set(entries))
        for feature, info in sorted(entries.items()):
            severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
            text = f"{info.short_description}: {info.description}"
            yield check_anomaly(split, feature, severity, text, ids.get(feature, []), options)


def _ids_by_anomaly(examples_uri: str, split: str, schema: schema_pb2.Schema, wanted: set[str]) -> dict[str, list[str]]:
    """Of the wanted features, those whose values violate the schema row by row, to ids of such rows."""
    decoder = example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())
    options = tfdv.StatsOptions(schema=schema)
    spec = features.parsing_spec([features.ID])
    found: dict[str, list[str]] = defaultdict(list)

    def violated(records: Sequence[bytes]) -> set[str]:
        anomalies = validate_instance(decoder.DecodeBatch(records), options).anomaly_info
        return {feature for feature in wanted.intersection(anomalies) if len(found[feature]) < _MAX_IDS}

    for batch in _records(examples_uri, split).batch(_BATCH).as_numpy_iterator():
        # A whole batch is validated as fast as one row.
        if not violated(batch):
            continue
        for record in batch:
            for feature in violated([record]):
                found[feature].append(tf.io.parse_single_example(record, spec)[features.ID].numpy().decode())
    return found
