"""TFX's Transform with an executor that starts Beam without packaging TFX."""

from __future__ import annotations

from tfx.components.transform import component, executor
from tfx.dsl.components.base import executor_spec

from diptych.components.beam import LeanBeamExecutor


class TransformExecutor(LeanBeamExecutor, executor.Executor):
    """TFX's executor of Transform, run as ``LeanBeamExecutor`` says."""


class Transform(component.Transform):
    """TFX's Transform."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(TransformExecutor)
