"""The driver of ImageTextExampleGen: it finds the span and version, and digests every input byte."""

from __future__ import annotations

from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.fingerprint import digest_inputs
from diptych.components.catalogue.spans import static_folder
from diptych.components.example_gen.executor import data_options


def standard_input(catalogue: str) -> dict[str, str]:
    """ExampleGen's standard properties that name a catalogue: a folder, and a pattern below it."""
    base = static_folder(catalogue)
    pattern = catalogue[len(base) :].lstrip("/")
    config = example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern=pattern)])
    return {
        standard_component_specs.INPUT_BASE_KEY: base,
        standard_component_specs.INPUT_CONFIG_KEY: proto_utils.proto_to_json(config),
    }


class ImageTextExampleGenDriver(driver.FileBasedDriver):
    """Resolves the span and fingerprint of a catalogue in any store, images included.

    TFX's own driver knows local files and ``gs://`` only, and its fingerprint has the size and time of the catalogue's
    files, but nothing of the images.
    """

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Adds span, version and fingerprint, and the catalogue of that span.

        Raises:
            SpanError: there is no span or version.
            CatalogueError: the catalogue cannot be read, or declares splits, but no train.
        """
        catalogue = Catalogue.open(data_options(exec_properties))
        catalogue.check_splits()
        return {
            **exec_properties,
            **standard_input(catalogue.span.catalogue),
            utils.SPAN_PROPERTY_NAME: catalogue.span.span,
            utils.VERSION_PROPERTY_NAME: catalogue.span.version,
            utils.FINGERPRINT_PROPERTY_NAME: digest_inputs(catalogue),
        }
