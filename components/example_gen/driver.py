"""The driver of ImageTextExampleGen: span and version as TFX resolves them, the fingerprint over every input byte."""

from __future__ import annotations

from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.orchestration import data_types

from components.example_gen.digest import digest_inputs
from components.example_gen.executor import data_options


class ImageTextExampleGenDriver(driver.FileBasedDriver):
    """TFX's own fingerprint covers the catalogue's size and time only; a changed image would go unnoticed."""

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Adds span, version and fingerprint.

        Raises:
            CatalogueError: the catalogue cannot be read.
        """
        resolved = super().resolve_exec_properties(exec_properties, pipeline_info, component_info)
        resolved[utils.FINGERPRINT_PROPERTY_NAME] = digest_inputs(data_options(resolved))
        return dict(resolved)
