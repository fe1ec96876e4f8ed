"""The component DataGate."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from diptych.components.artifact_types import Rejects, Verdict
from diptych.components.data_gate.executor import (
    GATE_OPTIONS_KEY,
    LABEL_OPTIONS_KEY,
    PUSH_DIRECTORY_KEY,
    TEXT_OPTIONS_KEY,
    DataGateExecutor,
)
from diptych.components.data_gate.options import GateOptions
from diptych.models.labels import LabelOptions
from diptych.models.text.options import TextOptions, serialize_text_options


class DataGateSpec(ComponentSpec):
    """Inputs, output and parameters of DataGate."""

    PARAMETERS = {
        GATE_OPTIONS_KEY: ExecutionParameter(type=str),
        LABEL_OPTIONS_KEY: ExecutionParameter(type=str),
        TEXT_OPTIONS_KEY: ExecutionParameter(type=str),
        PUSH_DIRECTORY_KEY: ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "rejects": ChannelParameter(type=Rejects),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }
    OUTPUTS = {"verdict": ChannelParameter(type=Verdict)}


class DataGate(base_component.BaseComponent):
    """Reports what is wrong or unusual with the data, and stops the run if they must not be trained on."""

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(DataGateExecutor)

    def __init__(
        self,
        examples: types.BaseChannel,
        rejects: types.BaseChannel,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        anomalies: types.BaseChannel,
        options: GateOptions,
        label: LabelOptions,
        text: TextOptions | None,
        push_directory: str,
        code: str,
    ) -> None:
        """Constructs the component.

        Args:
            options: the rules, and what a finding of each does to the run.
            label: how labels are treated that train lacks.
            text: how descriptions are split into words; None if there are none.
            push_directory: where the profiles of the last accepted data are read and those of these data are saved.
            code: a digest of the component's code, part of the cache key.
        """
        super().__init__(
            DataGateSpec(
                examples=examples,
                rejects=rejects,
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                verdict=types.Channel(type=Verdict),
                gate_options=options.model_dump_json(),
                label_options=label.model_dump_json(),
                text_options=serialize_text_options(text),
                push_directory=push_directory,
                code=code,
            )
        )
