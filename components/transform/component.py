"""The component Transform: TFX's, with our executor."""

from __future__ import annotations

from tfx.components.transform import component, executor
from tfx.dsl.components.base import executor_spec

from diptych.components.beam_executor import UnpackagedBeamExecutor


class TransformExecutor(UnpackagedBeamExecutor, executor.Executor):
    """TFX's executor of Transform, without packaging TFX for Beam's workers."""


class Transform(component.Transform):
    """TFX's Transform with an executor that starts Beam without packaging TFX."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(TransformExecutor)
