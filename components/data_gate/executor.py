"""The executor of DataGate."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from diptych.components.artifact_types import ArtifactsByKey
from diptych.components.artifacts import (
    ACCOUNT_FILE,
    REFERENCE_FOLDER,
    REJECTS_FILE,
    STATISTICS_FILE,
    VERDICT_FILE,
    read_json,
    stopped_verdict_folder,
    write_json,
)
from diptych.components.data_gate.accepted_data import AcceptedData, read_accepted, save_accepted
from diptych.components.data_gate.anomaly_rule import check_anomalies
from diptych.components.data_gate.findings import Finding
from diptych.components.data_gate.options import GateOptions
from diptych.components.data_gate.rule_descriptions import describe_rules
from diptych.components.data_gate.rules import GateInput, apply_rules
from diptych.components.data_gate.stored_rows import read_split_rows
from diptych.components.declared_account import parse_declared
from diptych.models import features
from diptych.models.errors import GATE_STOPPED, DiptychError
from diptych.models.labels import LabelOptions
from diptych.models.text.options import parse_text_options

GATE_OPTIONS_KEY = "gate_options"
LABEL_OPTIONS_KEY = "label_options"
TEXT_OPTIONS_KEY = "text_options"
PUSH_DIRECTORY_KEY = "push_directory"


class DataGateError(DiptychError):
    """The data must not be trained on; the message lists the findings that stop the run."""

    exit_code = GATE_STOPPED


class DataGateExecutor(base_executor.BaseExecutor):
    """Applies every rule of the gate, writes the verdict, and raises an error if a finding stops the run."""

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Writes the verdict, and saves accepted data as those with which the next run's data are compared.

        Raises:
            DataGateError: a finding stops the run. TFX deletes the outputs of a component that failed, so the verdict
                is also written to ``stopped_verdict_folder``.
        """
        last = read_accepted(exec_properties[PUSH_DIRECTORY_KEY])
        gate_input = _read_gate_input(input_dict, exec_properties, last)
        options = GateOptions.model_validate_json(exec_properties[GATE_OPTIONS_KEY])
        findings = _find(gate_input, input_dict, options)
        rules = describe_rules(options, gate_input.rules_without_data)
        uri = artifact_utils.get_single_uri(output_dict["verdict"])
        _write_verdict(uri, findings, rules, last)
        stopped = stopped_verdict_folder(uri)
        if fileio.exists(stopped):
            fileio.rmtree(stopped)
        if stopping := [finding.message for finding in findings if finding.stops]:
            _write_verdict(stopped, findings, rules, last)
            raise DataGateError("the data gate stopped the run:\n" + "\n".join(f"- {message}" for message in stopping))
        statistics = artifact_utils.get_split_uri(input_dict["statistics"], features.TRAIN)
        with fileio.open(os.path.join(statistics, STATISTICS_FILE), "rb") as file:
            accepted = AcceptedData(bytes(file.read()), gate_input.profiles)
        save_accepted(accepted, last, exec_properties[PUSH_DIRECTORY_KEY])


def _read_gate_input(inputs: ArtifactsByKey, exec_properties: Mapping[str, Any], last: AcceptedData) -> GateInput:
    examples = artifact_utils.get_single_uri(inputs["examples"])
    rejects = artifact_utils.get_single_uri(inputs["rejects"])
    account = read_json(rejects, ACCOUNT_FILE)
    return GateInput(
        rows=account["rows"],
        rejects=_read_rejects(rejects),
        splits={split: read_split_rows(examples, split) for split in features.SPLITS},
        accepted=last.profiles,
        schema=_read_schema(artifact_utils.get_single_uri(inputs["schema"])),
        label=LabelOptions.model_validate_json(exec_properties[LABEL_OPTIONS_KEY]),
        text=parse_text_options(exec_properties[TEXT_OPTIONS_KEY]),
        declared=parse_declared(account),
    )


def _read_schema(uri: str) -> schema_pb2.Schema:
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(uri))


def _find(gate_input: GateInput, inputs: ArtifactsByKey, options: GateOptions) -> list[Finding]:
    anomalies = artifact_utils.get_single_instance(inputs["anomalies"])
    examples = artifact_utils.get_single_uri(inputs["examples"])
    return [
        *check_anomalies(anomalies, examples, gate_input.schema, options),
        *apply_rules(gate_input, options),
    ]


def _read_rejects(uri: str) -> list[dict[str, Any]]:
    with tf.io.gfile.GFile(os.path.join(uri, REJECTS_FILE)) as file:
        return [json.loads(line) for line in file]


def _write_verdict(
    folder: str, findings: Sequence[Finding], rules: Sequence[Mapping[str, Any]], last: AcceptedData
) -> None:
    verdict = {
        "passed": not any(finding.stops for finding in findings),
        "findings": [finding.as_json() for finding in findings if finding.severity != "ignore"],
        "rules": rules,
    }
    write_json(folder, VERDICT_FILE, verdict)
    if last.statistics is not None:
        reference = os.path.join(folder, REFERENCE_FOLDER)
        fileio.makedirs(reference)
        with fileio.open(os.path.join(reference, STATISTICS_FILE), "wb") as file:
            file.write(last.statistics)
