"""The component Report."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components import artifacts
from components.report.executor import IMAGE_OPTIONS_KEY, TITLE_KEY, ReportExecutor
from models.images import ImageOptions


class ReportSpec(ComponentSpec):
    """Inputs, output and options of Report."""

    PARAMETERS = {
        TITLE_KEY: ExecutionParameter(type=str),
        IMAGE_OPTIONS_KEY: ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "rejects": ChannelParameter(type=artifacts.Rejects),
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "verdict": ChannelParameter(type=artifacts.Verdict),
        "linear_baseline": ChannelParameter(type=artifacts.Metrics),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {"report": ChannelParameter(type=artifacts.Report)}


class Report(base_component.BaseComponent):
    """Writes one self-contained HTML page over all that a run came to."""

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(ReportExecutor)

    def __init__(
        self,
        examples: types.BaseChannel,
        rejects: types.BaseChannel,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        anomalies: types.BaseChannel,
        verdict: types.BaseChannel,
        linear_baseline: types.BaseChannel,
        evaluation: types.BaseChannel,
        blessing: types.BaseChannel,
        image: ImageOptions,
        title: str,
        code: str,
    ) -> None:
        """Constructs the component from what it shows, how images are stored, and a digest of its code."""
        super().__init__(
            ReportSpec(
                examples=examples,
                rejects=rejects,
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                verdict=verdict,
                linear_baseline=linear_baseline,
                evaluation=evaluation,
                blessing=blessing,
                report=types.Channel(type=artifacts.Report),
                image_options=image.model_dump_json(),
                title=title,
                code=code,
            )
        )
