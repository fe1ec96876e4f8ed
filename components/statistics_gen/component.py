"""The component StatisticsGen: TFX's, with our executor."""

from __future__ import annotations

from tfx.components.statistics_gen import component
from tfx.dsl.components.base import executor_spec

from diptych.components.statistics_gen.executor import StatisticsGenExecutor


class StatisticsGen(component.StatisticsGen):
    """TFX's StatisticsGen with an executor that needs no Beam for small datasets."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(StatisticsGenExecutor)
