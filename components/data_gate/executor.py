"""The executor of DataGate."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.api.validation_api import validate_instance
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.coders import example_coder

from diptych.components.artifacts import (
    ACCOUNT_FILE,
    ANOMALIES_FILE,
    REFERENCE_FOLDER,
    REJECTS_FILE,
    STATISTICS_FILE,
    VERDICT_FILE,
    read_json,
    stopped_verdict_folder,
    write_json,
)
from diptych.components.data_gate.accepted import accept, copy_statistics, read_accepted
from diptych.components.data_gate.findings import MAX_IDS, Finding, check_anomaly, check_labels, check_rejects
from diptych.components.data_gate.options import GateOptions
from diptych.components.data_gate.profile import make_profile
from diptych.components.data_gate.rows import read_rows
from diptych.components.data_gate.rules import Data, check_data
from diptych.components.data_gate.vocabulary import read_vocabulary
from diptych.models import features
from diptych.models.errors import GATE_STOPPED, DiptychError
from diptych.models.labels import LabelOptions
from diptych.models.text.options import TextOptions
from diptych.models.tfrecords import list_split_files, read_records

GATE_OPTIONS_KEY = "gate_options"
LABEL_OPTIONS_KEY = "label_options"
TEXT_OPTIONS_KEY = "text_options"
TASK_KEY = "task"
PUSH_DIRECTORY_KEY = "push_directory"

_BATCH = 256
_DATASET = "dataset"


class DataGateError(DiptychError):
    """The data may not go on to training; the message lists why."""

    exit_code = GATE_STOPPED


class DataGateExecutor(base_executor.BaseExecutor):
    """Joins rejects, anomalies and labels to a verdict, and raises where it is to stop."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the verdict; what is accepted becomes what the next run's data are compared with.

        Raises:
            DataGateError: a finding stops the run. TFX removes what a failed component wrote: the verdict is kept in
                ``stopped_verdict_folder``.
        """
        examples = artifact_utils.get_single_uri(input_dict["examples"])
        options = GateOptions.model_validate_json(exec_properties[GATE_OPTIONS_KEY])
        splits = {split: read_rows(examples, split, exec_properties[TASK_KEY]) for split in features.SPLITS}
        vocabulary = read_vocabulary(
            splits[features.TRAIN], TextOptions.model_validate_json(exec_properties[TEXT_OPTIONS_KEY])
        )
        push_directory = exec_properties[PUSH_DIRECTORY_KEY]
        found = Data(
            splits,
            {split: make_profile(rows, vocabulary.lone) for split, rows in splits.items()},
            read_accepted(push_directory),
            vocabulary,
            _read_schema(input_dict),
        )
        findings = [
            *_check_rejects(input_dict, options),
            *check_labels(
                {split: rows.ids_by_label() for split, rows in splits.items()},
                LabelOptions.model_validate_json(exec_properties[LABEL_OPTIONS_KEY]),
            ),
            *_check_anomalies(input_dict, found.schema, options),
            *check_data(found, options),
        ]
        uri = artifact_utils.get_single_uri(output_dict["verdict"])
        verdict = _verdict(findings)
        _write(uri, verdict, push_directory)
        stopped = stopped_verdict_folder(uri)
        if fileio.exists(stopped):
            fileio.rmtree(stopped)
        if stopping := [finding.message for finding in findings if finding.stops]:
            _write(stopped, verdict, push_directory)
            raise DataGateError("the data gate stopped the run:\n" + "\n".join(f"- {message}" for message in stopping))
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        of_train = os.path.join(artifact_utils.get_split_uri([statistics], features.TRAIN), STATISTICS_FILE)
        accept(of_train, found.profiles, push_directory)


def _verdict(findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "passed": not any(finding.stops for finding in findings),
        "findings": [finding.as_json() for finding in findings if finding.severity != "ignore"],
    }


def _write(folder: str, verdict: Mapping[str, Any], push_directory: str) -> None:
    write_json(folder, VERDICT_FILE, verdict)
    copy_statistics(push_directory, os.path.join(folder, REFERENCE_FOLDER))


def _read_schema(inputs: Mapping[str, list[types.Artifact]]) -> schema_pb2.Schema:
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(inputs["schema"])))


def _check_rejects(inputs: Mapping[str, list[types.Artifact]], options: GateOptions) -> list[Finding]:
    uri = artifact_utils.get_single_uri(inputs["rejects"])
    return check_rejects(read_json(uri, ACCOUNT_FILE), _read_rejects(uri), options)


def _read_rejects(uri: str) -> list[dict[str, Any]]:
    with tf.io.gfile.GFile(os.path.join(uri, REJECTS_FILE)) as file:
        return [json.loads(line) for line in file]


def _check_anomalies(
    inputs: Mapping[str, list[types.Artifact]], schema: schema_pb2.Schema, options: GateOptions
) -> Iterator[Finding]:
    anomalies = artifact_utils.get_single_instance(inputs["anomalies"])
    examples = artifact_utils.get_single_uri(inputs["examples"])
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        path = os.path.join(artifact_utils.get_split_uri([anomalies], split), ANOMALIES_FILE)
        found = anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
        entries = dict(found.anomaly_info)
        if found.HasField("dataset_anomaly_info"):
            entries[_DATASET] = found.dataset_anomaly_info
        if not entries:
            continue
        ids = _ids_by_anomaly(examples, split, schema, set(entries))
        for feature, info in sorted(entries.items()):
            kind = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
            text = f"{info.short_description}: {info.description}"
            yield check_anomaly(split, feature, kind, text, ids.get(feature, []), options)


def _ids_by_anomaly(examples_uri: str, split: str, schema: schema_pb2.Schema, wanted: set[str]) -> dict[str, list[str]]:
    """Of the wanted features, those whose values violate the schema row by row, to ids of such rows."""
    decoder = example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())
    options = tfdv.StatsOptions(schema=schema)
    spec = features.parsing_spec([features.ID])
    found: dict[str, list[str]] = defaultdict(list)

    def violated(records: Sequence[bytes]) -> set[str]:
        anomalies = validate_instance(decoder.DecodeBatch(records), options).anomaly_info
        return {feature for feature in wanted.intersection(anomalies) if len(found[feature]) < MAX_IDS}

    for batch in read_records(list_split_files(examples_uri, split)).batch(_BATCH).as_numpy_iterator():
        # A whole batch is validated as fast as one row.
        if not violated(batch):
            continue
        for record in batch:
            for feature in violated([record]):
                found[feature].append(tf.io.parse_single_example(record, spec)[features.ID].numpy().decode())
    return found
