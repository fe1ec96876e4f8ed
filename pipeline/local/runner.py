"""Runs the DAG on this machine with LocalDagRunner and metadata in SQLite."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from diptych.components.example_gen.account import IngestionError
from diptych.models.errors import DiptychError
from diptych.pipeline.local.log_capture import captured_output
from diptych.pipeline.local.progress import Monitor, monitored
from diptych.pipeline.local.view import View, make_view
from diptych.pipeline.runs.summary import LOG_FILE, Failure, Summary, summarize
from diptych.pipeline.settings import Settings

if TYPE_CHECKING:
    from tfx.dsl.components.base.base_component import BaseComponent

_LOADING = "TensorFlow and TFX"
_METADATA_FILE = "metadata.sqlite"


class RunLockedError(DiptychError):
    """Another run works in the same folder."""


def push_directory(settings: Settings, folder: str) -> str:
    """Where blessed models of a run in ``folder`` go."""
    return settings.push.directory or os.path.join(folder, "pushed")


def images_root(settings: Settings) -> str:
    """The folder in which rows name their images; empty if it is none of this machine."""
    catalogue = settings.data.catalogue
    root = settings.data.images_root or (catalogue if os.path.isdir(catalogue) else os.path.dirname(catalogue))
    return root if os.path.isdir(root) else ""


def run(settings: Settings, folder: str) -> Summary:
    """Runs the pipeline, shows its progress, and writes ``summary.json`` whether it succeeds or fails.

    Args:
        folder: of the run: metadata, artifacts, log and summary. Running again in it reuses what is unchanged.

    Returns:
        The summary; ``failure`` says where and why the run failed, if it did.

    Raises:
        RunLockedError: another run works in the folder.
    """
    folder = os.path.abspath(folder)
    with _working_in(folder) as (view, monitor):
        failure = None
        try:
            _launch(settings, folder, view, _all_components)
        except Exception as error:
            logging.getLogger(__name__).exception("the run failed")
            failure = Failure(component=monitor.current, message=explain(error))
        summary = _summary(settings, folder, monitor, failure)
        summary.write()
    return summary


@contextmanager
def _working_in(folder: str) -> Iterator[tuple[View, Monitor]]:
    """Nobody else works in the folder; what is printed goes to its log, and what happens is watched and shown."""
    os.makedirs(folder, exist_ok=True)
    with _locked(folder), captured_output(os.path.join(folder, LOG_FILE)) as console:
        view = make_view(console)
        with monitored(view) as monitor:
            yield view, monitor


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    with open(os.path.join(folder, ".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunLockedError(f"another run works in '{folder}': wait for it, or choose another --output") from None
        yield


def ingest(settings: Settings, folder: str) -> dict[str, dict[str, str]]:
    """Runs what makes Examples and statistics, as ``run`` does: what is unchanged is reused, by the next run too.

    Returns:
        Component to output to path.

    Raises:
        RunLockedError: another run works in the folder.
        IngestionError: it failed; the message says why.
    """
    folder = os.path.abspath(folder)
    with _working_in(folder) as (view, monitor):
        try:
            _launch(settings, folder, view, _ingestion)
        except Exception as error:
            logging.getLogger(__name__).exception("the ingestion failed")
            raise IngestionError(explain(error)) from error
        return _artifacts(settings.name, folder, list(monitor.seconds))[0]


def _all_components(settings: Settings, folder: str) -> list[BaseComponent]:
    from diptych.pipeline.dag import build_components

    return build_components(settings, push_directory(settings, folder), images_root(settings))


def _ingestion(settings: Settings, folder: str) -> list[BaseComponent]:
    from diptych.pipeline.dag import build_ingestion

    return list(build_ingestion(settings))


def _launch(settings: Settings, folder: str, view: View, build: Callable[[Settings, str], list[BaseComponent]]) -> None:
    view.start(_LOADING)
    from tfx.orchestration import metadata
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.pipeline import Pipeline

    components = build(settings, folder)
    # What importing made stays until the end: the garbage collector would look through it all, again and again.
    gc.freeze()
    view.finish(_LOADING, "loaded")
    pipeline = Pipeline(
        pipeline_name=settings.name,
        pipeline_root=os.path.join(folder, "artifacts"),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(os.path.join(folder, _METADATA_FILE)),
        components=components,
        enable_cache=True,
        beam_pipeline_args=settings.beam.arguments(settings.kubeflow.image),
    )
    LocalDagRunner().run(pipeline)


def explain(error: BaseException) -> str:
    """The cause of an error in plain words: our own errors speak for themselves, others need their type."""
    # Beam appends the name of the step, and raises a copy of the error.
    message = re.sub(r"\s*\[while running '.*'\]\s*$", "", str(error).strip(), flags=re.DOTALL)
    if isinstance(error, DiptychError) and message:
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _summary(settings: Settings, folder: str, monitor: Monitor, failure: Failure | None) -> Summary:
    status = "failed" if failure else "succeeded"
    artifacts, pushed = _artifacts(settings.name, folder, list(monitor.seconds))
    return summarize(folder, artifacts, monitor.seconds, monitor.cached, status=status, failure=failure, pushed=pushed)


def _artifacts(name: str, folder: str, components: list[str]) -> tuple[dict[str, dict[str, str]], str | None]:
    """Component to output to path of each component's newest execution, and the folder of the pushed model."""
    if not components:
        return {}, None
    from ml_metadata.proto import metadata_store_pb2
    from tfx.orchestration import metadata

    config = metadata.sqlite_metadata_connection_config(os.path.join(folder, _METADATA_FILE))
    found: dict[str, dict[str, str]] = {}
    pushed = None
    with metadata.Metadata(config) as handle:
        store = handle.store
        for component in components:
            context = store.get_context_by_type_and_name("node", f"{name}.{component}")
            newest = max(store.get_executions_by_context(context.id), key=lambda execution: execution.id)
            events = [
                event
                for event in store.get_events_by_execution_ids([newest.id])
                if event.type == metadata_store_pb2.Event.OUTPUT
            ]
            by_id = {artifact.id: artifact for artifact in store.get_artifacts_by_id([e.artifact_id for e in events])}
            outputs = {event.path.steps[0].key: by_id[event.artifact_id] for event in events}
            found[component] = {key: artifact.uri for key, artifact in outputs.items()}
            if "pushed_model" in outputs:
                properties = outputs["pushed_model"].custom_properties
                pushed = properties["pushed_destination"].string_value or None
    return found, pushed
