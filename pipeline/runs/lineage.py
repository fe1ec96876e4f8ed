"""A walk through ML Metadata: who made what of what."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from diptych.components.report.lineage import fingerprint, library_versions, moment
from diptych.components.report.report_data import Lineage, Product

_OUTPUT, _INPUT = metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INPUT
_SOURCE = "ImageTextExampleGen"


def read_lineage(database: str, outputs: Mapping[tuple[str, str], str]) -> tuple[Lineage, str]:
    """Reads the lineage of some artifacts, and the local folder that the catalogue names its images in.

    Args:
        database: the SQLite file of the metadata store, which is only read.
        outputs: component and output to the artifact's folder.

    Returns:
        The lineage, and the folder; empty where the images lie elsewhere.
    """
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = database
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    store = metadata_store.MetadataStore(config)
    places = {uri: place for place, uri in outputs.items()}
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts() if artifact.uri in places}
    events = store.get_events_by_artifact_ids(list(artifacts))
    producers = {event.artifact_id: event.execution_id for event in events if event.type == _OUTPUT}
    products = [_product(artifact, places[artifact.uri]) for artifact in artifacts.values()]
    names = {producers[i]: places[artifact.uri][0] for i, artifact in artifacts.items() if i in producers}
    upstream: dict[str, list[str]] = {name: [] for name in names.values()}
    for event in events:
        reader, above = names.get(event.execution_id), names.get(producers.get(event.artifact_id, -1))
        if event.type == _INPUT and reader and above and above not in upstream[reader]:
            upstream[reader].append(above)
    sources = [execution for execution, name in names.items() if name == _SOURCE]
    images_root = _images_root(store.get_executions_by_id(sources)[0]) if sources else ""
    return Lineage(products, upstream, library_versions()), images_root


def _product(artifact: Any, place: tuple[str, str]) -> Product:
    recorded = artifact.custom_properties["input_fingerprint"].string_value if _has_fingerprint(artifact) else ""
    return Product(
        producer=place[0],
        output=place[1],
        type=artifact.type,
        uri=artifact.uri,
        fingerprint=recorded or fingerprint(artifact.uri),
        time=moment(artifact.create_time_since_epoch / 1000),
    )


def _has_fingerprint(artifact: Any) -> bool:
    return "input_fingerprint" in artifact.custom_properties


def _images_root(execution: Any) -> str:
    """``data.images_root``, else the catalogue's folder."""
    properties = execution.custom_properties
    try:
        named = json.loads(properties["data_options"].string_value).get("images_root")
    except ValueError:
        named = None
    root = named or properties["input_base"].string_value
    return root if root and os.path.isdir(root) else ""
