"""Runs the pipeline on this machine with TFX's ``LocalDagRunner``; ML Metadata is kept in SQLite."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from diptych.components.example_gen.account import IngestionError
from diptych.models.library_versions import library_versions
from diptych.pipeline.local.log_capture import redirect_output
from diptych.pipeline.local.metadata import earlier_seconds, replace_damaged_metadata, reserve_numbers
from diptych.pipeline.local.progress import ProgressHandler, follow_progress
from diptych.pipeline.local.time_left import Plan
from diptych.pipeline.local.view import make_view
from diptych.pipeline.runs.run_folder import RunFolder
from diptych.pipeline.runs.summary import Failure, Summary, explain_error, read_component_results
from diptych.pipeline.settings import Settings

if TYPE_CHECKING:
    from ml_metadata.proto import metadata_store_pb2
    from tfx.dsl.components.base.base_component import BaseComponent

_LOADING = "TensorFlow and TFX"
_LOG = logging.getLogger(__name__)

_ComponentsBuilder = Callable[[Settings, RunFolder], "list[BaseComponent]"]
# Component to output to artifact.
_Outputs = Mapping[str, Mapping[str, "metadata_store_pb2.Artifact"]]


def run_pipeline(settings: Settings, folder: str) -> Summary:
    """Runs the whole pipeline, shows its progress, and writes ``summary.json``, also when it fails or is interrupted.

    Args:
        folder: the run's folder, which gets metadata, artifacts, log and summary. When it has been run in before,
            components whose inputs and options are unchanged are not run again.

    Returns:
        The summary; its ``failure`` says where and why the run failed, if it did.

    Raises:
        RunLockedError: another run works in the folder.
        MetadataError: another program keeps a lock on the metadata, or SQLite cannot open them.
        OSError: the folder, the log, the metadata or the summary cannot be written.
        KeyboardInterrupt: the run was interrupted, which the summary says.
    """
    run = RunFolder(folder)
    with _working_in(run) as progress:
        failure = None
        try:
            _launch(settings, run, progress, _build_all)
        except Exception as error:
            _LOG.exception("the run failed")
            failure = Failure(component=progress.current, message=explain_error(error, run.path))
        except KeyboardInterrupt as error:
            _LOG.error("the run was interrupted")
            failure = Failure(component=progress.current, message=str(error) or "interrupted", interrupted=True)
            _write(_summarize(settings, run, progress, failure))
            raise
        summary = _summarize(settings, run, progress, failure)
        _write(summary)
    return summary


def _write(summary: Summary) -> None:
    try:
        summary.write()
    except OSError:
        # The summary of an earlier run stays then; why this one failed is what matters.
        if summary.failure is None:
            raise


def run_ingestion(settings: Settings, folder: str) -> dict[str, dict[str, str]]:
    """Runs only the components that make Examples and statistics; ``run_pipeline`` in the same folder reuses them.

    Returns:
        Component to output to path.

    Raises:
        RunLockedError: another run works in the folder.
        MetadataError: another program keeps a lock on the metadata, or SQLite cannot open them.
        IngestionError: a component failed; the message says why.
        OSError: the folder, the log or the metadata cannot be written.
    """
    run = RunFolder(folder)
    with _working_in(run) as progress:
        try:
            _launch(settings, run, progress, _build_ingestion)
        except Exception as error:
            _LOG.exception("the ingestion failed")
            raise IngestionError(explain_error(error, run.path)) from error
        return _uris(_read_outputs(settings.name, run, list(progress.seconds)))


@contextmanager
def _working_in(run: RunFolder) -> Iterator[ProgressHandler]:
    """Makes and locks the run's folder, sends what is printed to its log, and shows the progress on the terminal."""
    with run.locked(), redirect_output(run.log_file) as console, follow_progress(make_view(console)) as progress:
        if loss := replace_damaged_metadata(run):
            progress.report_damage(loss)
        yield progress


def _build_all(settings: Settings, run: RunFolder) -> list[BaseComponent]:
    from diptych.pipeline.dag import build_components

    push_directory = settings.push.directory or run.pushed_folder
    return build_components(settings, push_directory, _local_images_root(settings), run.features_folder)


def _local_images_root(settings: Settings) -> str:
    """The folder that image paths of the catalogue are relative to; empty if it is not on this machine."""
    catalogue = settings.data.catalogue
    root = settings.data.images_root or (catalogue if os.path.isdir(catalogue) else os.path.dirname(catalogue))
    return root if os.path.isdir(root) else ""


def _build_ingestion(settings: Settings, run: RunFolder) -> list[BaseComponent]:
    from diptych.pipeline.dag import build_ingestion

    return list(build_ingestion(settings))


def _launch(settings: Settings, run: RunFolder, progress: ProgressHandler, build: _ComponentsBuilder) -> None:
    started = time.monotonic()
    progress.view.start(_LOADING)
    from tfx.orchestration import metadata
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.pipeline import Pipeline

    from diptych.pipeline.local.checked_outputs import checked_outputs

    components = build(settings, run)
    # The objects that imports made live until the end: without this, every garbage collection looks at all of them.
    gc.freeze()
    progress.view.finish(_LOADING, time.monotonic() - started, "loaded")
    connection = metadata.sqlite_metadata_connection_config(run.metadata_file)
    reserve_numbers(connection, run)
    pipeline = Pipeline(
        pipeline_name=settings.name,
        pipeline_root=run.artifacts_folder,
        metadata_connection_config=connection,
        components=components,
        enable_cache=True,
        beam_pipeline_args=settings.beam.pipeline_args(settings.kubeflow.image),
    )
    steps = [component.id for component in pipeline.components]
    progress.plan = Plan(steps, earlier_seconds(connection))
    with checked_outputs(progress.report_damage):
        LocalDagRunner().run(pipeline)


def _summarize(settings: Settings, run: RunFolder, progress: ProgressHandler, failure: Failure | None) -> Summary:
    try:
        outputs = _read_outputs(settings.name, run, list(progress.seconds))
    except Exception:
        # What made the run fail may keep its metadata from being read, too; why it failed is what matters.
        if failure is None:
            raise
        outputs = {}
    artifacts = _uris(outputs)
    return Summary(
        status=failure.status if failure else "succeeded",
        seconds=progress.seconds,
        memory=progress.memory,
        cached=progress.cached,
        damaged=progress.damaged,
        artifacts=artifacts,
        pushed=_pushed_model(outputs),
        folder=run.path,
        failure=failure,
        versions=library_versions(),
        settings=settings.model_dump(mode="json"),
        **read_component_results(artifacts),
    )


def _read_outputs(pipeline_name: str, run: RunFolder, components: Sequence[str]) -> _Outputs:
    """Reads the output artifacts of each component's newest execution from ML Metadata."""
    if not components:
        return {}
    from ml_metadata.proto import metadata_store_pb2
    from tfx.orchestration import metadata

    outputs: dict[str, dict[str, metadata_store_pb2.Artifact]] = {}
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(run.metadata_file)) as handle:
        store = handle.store
        for component in components:
            context = store.get_context_by_type_and_name("node", f"{pipeline_name}.{component}")
            newest = max(store.get_executions_by_context(context.id), key=lambda execution: execution.id)
            events = store.get_events_by_execution_ids([newest.id])
            keys = {
                event.artifact_id: event.path.steps[0].key
                for event in events
                if event.type == metadata_store_pb2.Event.OUTPUT
            }
            outputs[component] = {keys[artifact.id]: artifact for artifact in store.get_artifacts_by_id(list(keys))}
    return outputs


def _uris(outputs: _Outputs) -> dict[str, dict[str, str]]:
    """Component to output to URI."""
    return {component: {key: a.uri for key, a in artifacts.items()} for component, artifacts in outputs.items()}


def _pushed_model(outputs: _Outputs) -> str | None:
    """The folder that Pusher copied the model to; None if it did not, or did not run."""
    pushed = outputs.get("Pusher", {}).get("pushed_model")
    return pushed.custom_properties["pushed_destination"].string_value or None if pushed is not None else None
