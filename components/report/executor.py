"""The executor of Report."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from diptych.components.artifact_types import ArtifactsByKey
from diptych.components.artifacts import REPORT_FILE
from diptych.components.report.data_collection import ReportSources, collect_report_data
from diptych.components.report.lineage import fingerprint, modification_time
from diptych.components.report.page import render_report
from diptych.components.report.report_data import Lineage, LineageArtifact
from diptych.models.library_versions import library_versions
from diptych.models.step_usage import ENDED

TITLE_KEY = "title"
IMAGES_ROOT_KEY = "images_root"
UPSTREAM_KEY = "upstream"
PRODUCERS_KEY = "producers"
SETTINGS_KEY = "settings"


class ReportExecutor(base_executor.BaseExecutor):
    """Reads the artifacts of the other components and writes the page."""

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Writes ``report.html``."""
        inputs = {
            name: artifact_utils.get_single_instance(artifacts) for name, artifacts in input_dict.items() if artifacts
        }
        sources = ReportSources(
            title=exec_properties[TITLE_KEY],
            uris={name: artifact.uri for name, artifact in inputs.items()},
            images_root=exec_properties.get(IMAGES_ROOT_KEY) or "",
            lineage=_make_lineage(inputs, exec_properties),
            # A pipeline that an earlier release compiled gives none.
            settings=json.loads(exec_properties.get(SETTINGS_KEY) or "{}"),
            usage=dict(ENDED),
        )
        report = artifact_utils.get_single_uri(output_dict["report"])
        fileio.makedirs(report)
        page = render_report(collect_report_data(sources))
        # A text of the catalogue may hold characters that UTF-8 cannot, such as half a surrogate pair.
        io_utils.write_bytes_file(os.path.join(report, REPORT_FILE), page.encode(errors="replace"))


def _make_lineage(inputs: dict[str, types.Artifact], exec_properties: dict[str, Any]) -> Lineage:
    producers = json.loads(exec_properties[PRODUCERS_KEY])
    artifacts = [
        LineageArtifact(
            producer=producers.get(name, ""),
            output=name,
            type=artifact.type_name,
            uri=artifact.uri,
            fingerprint=fingerprint(artifact.uri),
            time=modification_time(artifact.uri),
        )
        for name, artifact in inputs.items()
    ]
    return Lineage(artifacts, json.loads(exec_properties[UPSTREAM_KEY]), library_versions())
