"""The component Transform: TFX's, with our executor."""

from __future__ import annotations

from typing import Any

from tfx.components.transform import component, executor
from tfx.dsl.components.base import executor_spec

from diptych.components.artifact_links import plain_uris
from diptych.components.artifact_types import ArtifactsByKey
from diptych.components.beam_executor import UnpackagedBeamExecutor


class TransformExecutor(UnpackagedBeamExecutor, executor.Executor):
    """TFX's executor of Transform, without packaging TFX for Beam's workers."""

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Writes the graph of Transform."""
        with plain_uris(input_dict, output_dict):
            super().Do(input_dict, output_dict, exec_properties)


class Transform(component.Transform):
    """TFX's Transform with an executor that starts Beam without packaging TFX."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(TransformExecutor)
