"""The component ImportSchemaGen: TFX's, which also runs again when the content of the schema file has changed."""

from __future__ import annotations

from tfx import types
from tfx.components.schema_gen.import_schema_gen import component
from tfx.dsl.components.base import base_component
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ExecutionParameter


class ImportSchemaGenSpec(standard_component_specs.ImportSchemaGenSpec):
    """TFX's spec and a digest of the schema file, because TFX's cache key has its path but not its content."""

    PARAMETERS = {
        **standard_component_specs.ImportSchemaGenSpec.PARAMETERS,
        "digest": ExecutionParameter(type=str),
    }


class ImportSchemaGen(component.ImportSchemaGen):
    """TFX's ImportSchemaGen, which runs again when the content of the schema file has changed."""

    SPEC_CLASS = ImportSchemaGenSpec

    def __init__(self, schema_file: str, digest: str) -> None:
        """Constructs the component.

        Args:
            schema_file: the path of a curated schema in protobuf's text format.
            digest: a digest of the file's bytes.
        """
        spec = ImportSchemaGenSpec(
            schema_file=schema_file, digest=digest, schema=types.Channel(type=standard_artifacts.Schema)
        )
        base_component.BaseComponent.__init__(self, spec=spec)
