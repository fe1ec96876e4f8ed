"""A small job that finds out whether an engine and its workers can do what steps ask of them."""

from __future__ import annotations

import platform
import posixpath
import uuid
from collections.abc import Mapping, Sequence
from functools import partial

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from diptych.components.catalogue.storage import remove, write_stream
from diptych.components.catalogue.transfer import read_whole
from diptych.components.engines.errors import STORE_REMEDY, EngineError
from diptych.components.engines.pipeline import EnginePipeline
from diptych.models.library_versions import library_versions

# Where workers do nothing but ingestion: diptych.kubeflow.cluster_settings.
_OF_INGESTION = ("minio://", "s3://")
_CONTENT = b"written by a worker of Beam that was asked by diptych doctor\n"


def probe_engine(arguments: Sequence[str], store: str | None = None) -> None:
    """Runs a job in which a worker compares its versions with those here, and writes, reads and deletes a file.

    Args:
        arguments: of Beam's pipeline.
        store: URI of the folder of that file; None for no file.

    Raises:
        EngineError: there is no engine or worker, its versions are others, or it does not reach the store.
    """
    look = partial(look_around, expected=_versions(), store=store)
    with EnginePipeline(arguments) as pipeline:
        _ = pipeline | "Ask" >> beam.Create([0]) | "LookAround" >> beam.Map(look)


def look_around(_: int, expected: Mapping[str, str], store: str | None) -> None:
    """What the worker does.

    Raises:
        EngineError: its versions are others than expected, or it cannot write, read and delete a file in the store.
    """
    found = _versions()
    if differing := [name for name in expected if found.get(name) != expected[name]]:
        name = differing[0]
        raise EngineError(
            f"beam.worker_pool: workers have {name} {found.get(name, 'not at all')}, and here is {expected[name]}; run "
            "the worker pool in the image of the steps, and ask with that image too"
        )
    if store:
        _try_store(store)


def _try_store(store: str) -> None:
    uri = posixpath.join(store, f"diptych-doctor-{uuid.uuid4().hex}")
    try:
        with write_stream(uri) as file:
            file.write(_CONTENT)
        content = read_whole(uri)
        if not store.startswith(_OF_INGESTION):
            # The steps of TFX read and write by Beam's own file systems.
            with FileSystems.open(uri) as file:
                content = file.read()
        remove(uri)
    except Exception as error:
        raise EngineError(
            f"kubeflow.pipeline_root: workers cannot write and read below '{store}' ({type(error).__name__}: {error}); "
            f"{STORE_REMEDY}"
        ) from None
    if content != _CONTENT:
        raise EngineError(f"kubeflow.pipeline_root: what workers write to '{uri}' is not what they read there")


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **library_versions()}
