"""The component Report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from diptych.components import artifact_types
from diptych.components.report.executor import (
    IMAGES_ROOT_KEY,
    PRODUCERS_KEY,
    SETTINGS_KEY,
    TITLE_KEY,
    UPSTREAM_KEY,
    ReportExecutor,
)


class ReportSpec(ComponentSpec):
    """Inputs, output and parameters of Report."""

    PARAMETERS = {
        TITLE_KEY: ExecutionParameter(type=str),
        IMAGES_ROOT_KEY: ExecutionParameter(type=str),
        UPSTREAM_KEY: ExecutionParameter(type=str),
        PRODUCERS_KEY: ExecutionParameter(type=str),
        SETTINGS_KEY: ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "rejects": ChannelParameter(type=artifact_types.Rejects),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "verdict": ChannelParameter(type=artifact_types.Verdict),
        "linear_baseline": ChannelParameter(type=artifact_types.Metrics),
        "tuner_results": ChannelParameter(type=standard_artifacts.TunerResults, optional=True),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {"report": ChannelParameter(type=artifact_types.Report)}


class Report(base_component.BaseComponent):
    """Writes one self-contained HTML page about everything that a run produced."""

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ReportExecutor)

    def __init__(
        self,
        inputs: Mapping[str, types.BaseChannel],
        title: str,
        images_root: str,
        upstream: Mapping[str, Sequence[str]],
        settings: Mapping[str, tuple[str, str]],
        code: str,
    ) -> None:
        """Constructs the component.

        Args:
            inputs: the channel of each of ``ReportSpec.INPUTS``; ``tuner_results`` only if there is a search.
            title: the heading of the page.
            images_root: the folder with the images of the catalogue; empty if no step can read it.
            upstream: component to the components whose artifacts it reads.
            settings: key to value and default, of the settings that differ from it.
            code: a digest of the component's code, part of the cache key.
        """
        producers = {name: channel.producer_component_id for name, channel in inputs.items()}
        super().__init__(
            ReportSpec(
                **inputs,
                report=types.Channel(type=artifact_types.Report),
                title=title,
                images_root=images_root,
                upstream=json.dumps(upstream),
                producers=json.dumps(producers),
                settings=json.dumps(settings),
                code=code,
            )
        )
