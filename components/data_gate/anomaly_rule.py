"""The rule about anomalies: what ExampleValidator found, and which rows violate the schema."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence

import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.api.validation_api import validate_instance
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.coders import example_coder

from diptych.components.artifacts import ANOMALIES_FILE
from diptych.components.data_gate.findings import MAX_IDS, Finding, mention_ids
from diptych.components.data_gate.options import GateOptions, Severity
from diptych.models import features
from diptych.models.tfrecords import list_split_files, read_records

_BATCH = 256
# The feature that an anomaly of a split as a whole is reported for.
_WHOLE_SPLIT = "dataset"


def check_anomalies(
    anomalies: types.Artifact, examples_uri: str, schema: schema_pb2.Schema, options: GateOptions
) -> Iterator[Finding]:
    """The findings of every split, sorted by feature."""
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        path = os.path.join(artifact_utils.get_split_uri([anomalies], split), ANOMALIES_FILE)
        message = anomalies_pb2.Anomalies.FromString(io_utils.read_bytes_file(path))
        entries = dict(message.anomaly_info)
        if message.HasField("dataset_anomaly_info"):
            entries[_WHOLE_SPLIT] = message.dataset_anomaly_info
        if not entries:
            continue
        ids = _ids_by_anomaly(list_split_files(examples_uri, split), schema, set(entries))
        for feature, info in sorted(entries.items()):
            severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
            text = f"{info.short_description}: {info.description}"
            yield make_anomaly_finding(split, feature, severity, text, ids.get(feature, []), options)


def make_anomaly_finding(
    split: str, feature: str, tfdv_severity: str, text: str, ids: list[str], options: GateOptions
) -> Finding:
    """The finding about one anomaly.

    Args:
        tfdv_severity: ``ERROR`` or ``WARNING``, as TensorFlow Data Validation names them.
        text: TFDV's description.
        ids: of the rows that violate the schema by themselves; empty if only the split as a whole does.
    """
    key = "error" if tfdv_severity == "ERROR" else "warning"
    severity: Severity = getattr(options.anomaly, key)
    remedy = f"; mend the rows or the schema, or loosen gate.anomaly.{key}" if severity == "stop" else ""
    message = f"split '{split}', feature '{feature}': {text}{mention_ids(ids)}{remedy}"
    return Finding("anomaly", severity, message, feature, split, ids=tuple(ids[:MAX_IDS]))


def _ids_by_anomaly(files: Sequence[str], schema: schema_pb2.Schema, wanted: set[str]) -> dict[str, list[str]]:
    """For each wanted feature, the ids of the first ``MAX_IDS`` rows whose values violate the schema."""
    decoder = example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())
    options = tfdv.StatsOptions(schema=schema)
    spec = features.parsing_spec([features.ID])
    found: dict[str, list[str]] = defaultdict(list)

    def violated(records: Sequence[bytes]) -> set[str]:
        anomalies = validate_instance(decoder.DecodeBatch(records), options).anomaly_info
        return {feature for feature in wanted.intersection(anomalies) if len(found[feature]) < MAX_IDS}

    for batch in read_records(files).batch(_BATCH).as_numpy_iterator():
        # Validating a whole batch takes as long as validating one row.
        if not violated(batch):
            continue
        for record in batch:
            for feature in violated([record]):
                found[feature].append(tf.io.parse_single_example(record, spec)[features.ID].numpy().decode())
    return found
