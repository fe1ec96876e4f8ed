"""Sees to ML Metadata before a run: what is damaged is replaced, and no artifact that is left is written over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from diptych.pipeline.runs.metadata_file import MetadataError, check_writable, find_metadata_problem, set_aside
from diptych.pipeline.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from ml_metadata.proto import metadata_store_pb2

# The type of executions that only stand for numbers that are taken.
_LOST = "diptych.LostExecution"


def replace_damaged_metadata(run: RunFolder) -> str | None:
    """Sets a damaged metadata file aside, and says in a sentence what was lost; None if nothing was.

    Raises:
        MetadataError: another program keeps a lock on the file, or SQLite cannot open it.
        OSError: the file or its folder cannot be read or written.
    """
    problem = find_metadata_problem(run.metadata_file)
    if problem is None or not run.greatest_number():
        check_writable(run.metadata_file)
        return None
    sentence = f"'{run.metadata_file}' {problem}: every step runs again, and the artifacts of earlier runs stay"
    if os.path.exists(run.metadata_file) and os.path.getsize(run.metadata_file):
        sentence += f"; the damaged file is kept as '{set_aside(run.metadata_file)}'"
    check_writable(run.metadata_file)
    return sentence


def reserve_numbers(config: metadata_store_pb2.ConnectionConfig, run: RunFolder) -> None:
    """Makes ML Metadata number executions from beyond the artifacts that are left, which would be written over else.

    Metadata that were lost, or are older than the artifacts, begin with numbers that are taken.

    Raises:
        MetadataError: the file is of another version of ML Metadata, or lacks tables.
    """
    from ml_metadata.errors import StatusError
    from ml_metadata.metadata_store import ListOptions, MetadataStore, OrderByField
    from ml_metadata.proto import metadata_store_pb2

    try:
        store = MetadataStore(config)
    except (RuntimeError, StatusError) as error:
        raise MetadataError(
            f"ML Metadata cannot use '{run.metadata_file}' ({str(error).partition('. ')[0]}): run with the version of "
            "TFX that made it, or move it away, and every step runs again"
        ) from error
    newest = store.get_executions(ListOptions(limit=1, order_by=OrderByField.ID, is_asc=False))
    missing = run.greatest_number() - (newest[0].id if newest else 0)
    if missing > 0:
        type_id = store.put_execution_type(metadata_store_pb2.ExecutionType(name=_LOST))
        store.put_executions([metadata_store_pb2.Execution(type_id=type_id)] * missing)


def earlier_seconds(config: metadata_store_pb2.ConnectionConfig) -> dict[str, float]:
    """How many seconds each component took when it last worked and ended well, in this run's folder."""
    from ml_metadata.metadata_store import MetadataStore
    from ml_metadata.proto import metadata_store_pb2

    store = MetadataStore(config)
    components = {kind.id: kind.name.rpartition(".")[2] for kind in store.get_execution_types()}
    return {
        components[execution.type_id]: (execution.last_update_time_since_epoch - execution.create_time_since_epoch)
        / 1000
        for execution in sorted(store.get_executions(), key=lambda execution: execution.id)
        if execution.last_known_state == metadata_store_pb2.Execution.COMPLETE
    }
