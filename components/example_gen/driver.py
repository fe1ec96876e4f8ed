"""The driver of ImageTextExampleGen: span and version as TFX means them, the fingerprint over every input byte."""

from __future__ import annotations

from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from diptych.components.catalogue.fingerprint import digest_inputs
from diptych.components.catalogue.spans import resolve_span, static_folder
from diptych.components.example_gen.executor import data_options


def standard_input(catalogue: str) -> dict[str, str]:
    """A catalogue as ExampleGen's standard properties name it: a folder, and a pattern in it."""
    base = static_folder(catalogue)
    pattern = catalogue[len(base) :].lstrip("/")
    config = example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern=pattern)])
    return {
        standard_component_specs.INPUT_BASE_KEY: base,
        standard_component_specs.INPUT_CONFIG_KEY: proto_utils.proto_to_json(config),
    }


class ImageTextExampleGenDriver(driver.FileBasedDriver):
    """TFX's own driver knows local files and gs:// only, and sees the catalogue's size and time, but no image."""

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Adds span, version and fingerprint, and names the catalogue they mean.

        Raises:
            SpanError: there is no span or version.
            CatalogueError: the catalogue cannot be read.
        """
        data = data_options(exec_properties)
        found = resolve_span(data.catalogue)
        data = data.model_copy(update={"catalogue": found.catalogue})
        return {
            **exec_properties,
            **standard_input(data.catalogue),
            utils.SPAN_PROPERTY_NAME: found.span,
            utils.VERSION_PROPERTY_NAME: found.version,
            utils.FINGERPRINT_PROPERTY_NAME: digest_inputs(data),
        }
