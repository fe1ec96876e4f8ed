"""Reads from ML Metadata which component made which artifact, and from which other artifacts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from diptych.components.report.lineage import fingerprint, format_timestamp
from diptych.components.report.report_data import Lineage, LineageArtifact
from diptych.models.library_versions import library_versions
from diptych.pipeline.runs.metadata_file import find_metadata_problem
from diptych.pipeline.runs.run_folder import EXAMPLES, ArtifactKey

_OUTPUT, _INPUT = metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INPUT
_FINGERPRINT = "input_fingerprint"


def read_lineage(database: str, artifacts: Mapping[ArtifactKey, str]) -> tuple[Lineage, str]:
    """Reads the lineage of some artifacts, and the local folder in which the catalogue's images lie.

    Args:
        database: the SQLite file of the metadata store, which is opened read-only.
        artifacts: component and output to the artifact's folder.

    Returns:
        The lineage, and the folder of the images; empty where they lie elsewhere, and both if the file is damaged.

    Raises:
        MetadataError: another program keeps a lock on the file.
    """
    if find_metadata_problem(database):
        return Lineage(versions=library_versions()), ""
    store = _open_store(database)
    keys = {uri: key for key, uri in artifacts.items()}
    stored = {artifact.id: artifact for artifact in store.get_artifacts() if artifact.uri in keys}
    events = store.get_events_by_artifact_ids(list(stored))
    # Artifact to the execution that made it, and execution to the name of its component.
    makers = {event.artifact_id: event.execution_id for event in events if event.type == _OUTPUT}
    components = {makers[i]: keys[artifact.uri][0] for i, artifact in stored.items() if i in makers}
    described = [_lineage_artifact(artifact, keys[artifact.uri]) for artifact in stored.values()]
    lineage = Lineage(described, _upstream(events, makers, components), library_versions())
    ingestions = [execution for execution, component in components.items() if component == EXAMPLES[0]]
    return lineage, _images_root(store.get_executions_by_id(ingestions)[0]) if ingestions else ""


def _open_store(database: str) -> metadata_store.MetadataStore:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = database
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    return metadata_store.MetadataStore(config)


def _upstream(events: Sequence[Any], makers: Mapping[int, int], components: Mapping[int, str]) -> dict[str, list[str]]:
    """Each component to those whose artifacts it read."""
    upstream: dict[str, list[str]] = {component: [] for component in components.values()}
    for event in events:
        reader, above = components.get(event.execution_id), components.get(makers.get(event.artifact_id, -1))
        if event.type == _INPUT and reader and above and above not in upstream[reader]:
            upstream[reader].append(above)
    return upstream


def _lineage_artifact(artifact: Any, key: ArtifactKey) -> LineageArtifact:
    properties = artifact.custom_properties
    recorded = properties[_FINGERPRINT].string_value if _FINGERPRINT in properties else ""
    component, output = key
    return LineageArtifact(
        producer=component,
        output=output,
        type=artifact.type,
        uri=artifact.uri,
        fingerprint=recorded or fingerprint(artifact.uri),
        time=format_timestamp(artifact.create_time_since_epoch / 1000),
    )


def _images_root(ingestion: Any) -> str:
    """``data.images_root`` of an execution of ImageTextExampleGen, else the catalogue's folder; empty if not local."""
    properties = ingestion.custom_properties
    try:
        named = json.loads(properties["data_options"].string_value).get("images_root")
    except ValueError:
        named = None
    root = named or properties["input_base"].string_value
    return root if root and os.path.isdir(root) else ""
