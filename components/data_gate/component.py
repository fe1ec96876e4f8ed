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
    TASK_KEY,
    TEXT_OPTIONS_KEY,
    DataGateExecutor,
)
from diptych.components.data_gate.options import GateOptions
from diptych.models.labels import LabelOptions, Task
from diptych.models.text.options import TextOptions


class DataGateSpec(ComponentSpec):
    """Inputs, output and options of DataGate."""

    PARAMETERS = {
        GATE_OPTIONS_KEY: ExecutionParameter(type=str),
        LABEL_OPTIONS_KEY: ExecutionParameter(type=str),
        TEXT_OPTIONS_KEY: ExecutionParameter(type=str),
        TASK_KEY: ExecutionParameter(type=str),
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
    """Says what is wrong or odd with the data, and stops the run on what must not reach training."""

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
        text: TextOptions,
        task: Task,
        push_directory: str,
        code: str,
    ) -> None:
        """Constructs the component from what it judges.

        Args:
            options: what it looks for, and what then becomes of the run.
            label: what becomes of labels that training lacks.
            text: what a word is.
            task: whether a record has one label or several.
            push_directory: where the last accepted data's profile is found, and the next one kept.
            code: a digest of the code that judges.
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
                text_options=text.model_dump_json(),
                task=task,
                push_directory=push_directory,
                code=code,
            )
        )
