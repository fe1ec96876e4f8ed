"""TFX's own components, where they need a change: Beam run the lean way, caches that notice every change."""

from __future__ import annotations

from tfx import types
from tfx.components.schema_gen.import_schema_gen import component as import_schema_gen
from tfx.components.statistics_gen import component as statistics_gen
from tfx.components.transform import component as transform
from tfx.components.transform import executor as transform_executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter

from components.beam import LeanBeamExecutor
from components.statistics import StatisticsGenExecutor


class TransformExecutor(LeanBeamExecutor, transform_executor.Executor):
    """Transform's work."""


class StatisticsGen(statistics_gen.StatisticsGen):
    """TFX's StatisticsGen."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(StatisticsGenExecutor)


class Transform(transform.Transform):
    """TFX's Transform."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(TransformExecutor)


class ImportSchemaGenSpec(standard_component_specs.ImportSchemaGenSpec):
    """TFX's spec with a digest: its own cache key has the file's path, not its content."""

    PARAMETERS = {
        **standard_component_specs.ImportSchemaGenSpec.PARAMETERS,
        "digest": ExecutionParameter(type=str),
    }


class ImportSchemaGen(import_schema_gen.ImportSchemaGen):
    """TFX's ImportSchemaGen, which notices a changed schema file."""

    SPEC_CLASS = ImportSchemaGenSpec

    def __init__(self, schema_file: str, digest: str) -> None:
        """Constructs the component.

        Args:
            schema_file: a curated schema, in protobuf's text format.
            digest: of the file's bytes.
        """
        spec = ImportSchemaGenSpec(
            schema_file=schema_file, digest=digest, schema=types.Channel(type=standard_artifacts.Schema)
        )
        base_component.BaseComponent.__init__(self, spec=spec)
