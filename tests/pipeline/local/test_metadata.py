"""A run goes on without its metadata, says so, and gives no artifact a number that is taken."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from diptych.pipeline.local.metadata import earlier_seconds, replace_damaged_metadata, reserve_numbers
from diptych.pipeline.runs.metadata_file import MetadataError
from diptych.pipeline.runs.run_folder import RunFolder

READWRITE_OPENCREATE = 3


def connection(run: RunFolder) -> metadata_store_pb2.ConnectionConfig:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = run.metadata_file
    config.sqlite.connection_mode = READWRITE_OPENCREATE
    return config


def next_number(run: RunFolder) -> int:
    """The number that ML Metadata gives to the next execution."""
    store = MetadataStore(connection(run))
    kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name="Step"))
    return int(store.put_executions([metadata_store_pb2.Execution(type_id=kind)])[0])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """The folder of a run whose greatest number is 2, though artifacts up to 7 are left of others."""
    found = RunFolder(str(tmp_path))
    for number in (3, 7):
        Path(found.artifact_folder(("Transform", "transform_graph"), number)).mkdir(parents=True)
    assert [next_number(found), next_number(found)] == [1, 2]
    return found


def test_numbers_of_artifacts_that_are_left_are_not_given_again(run: RunFolder) -> None:
    reserve_numbers(connection(run), run)
    assert next_number(run) == 8
    reserve_numbers(connection(run), run)
    assert next_number(run) == 9


def test_how_long_components_took_when_they_last_worked(tmp_path: Path) -> None:
    config = connection(RunFolder(str(tmp_path)))
    store = MetadataStore(config)
    kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name="tfx.components.Transform"))
    for state in ("COMPLETE", "COMPLETE", "CACHED", "FAILED"):
        execution = metadata_store_pb2.Execution(type_id=kind, last_known_state=state)
        (execution.id,) = store.put_executions([execution])
        time.sleep(0.05)
        store.put_executions([execution])
    assert earlier_seconds(config) == {"Transform": pytest.approx(0.05, abs=0.04)}


@pytest.mark.parametrize(
    ("damage", "said", "kept"),
    [
        (Path.unlink, "is missing", False),
        (lambda path: path.write_bytes(b""), "is empty", False),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "is damaged", True),
    ],
    ids=["deleted", "emptied", "truncated"],
)
def test_damaged_metadata_are_replaced_and_kept(
    run: RunFolder, damage: Callable[[Path], None], said: str, kept: bool
) -> None:
    path = Path(run.metadata_file)
    damage(path)
    left = path.read_bytes() if kept else None
    sentence = replace_damaged_metadata(run)
    assert sentence is not None
    assert sentence.startswith(f"'{path}' {said}")
    assert "every step runs again, and the artifacts of earlier runs stay" in sentence
    aside = Path(f"{path}.damaged-1")
    assert (aside.read_bytes() if aside.exists() else None) == left
    reserve_numbers(connection(run), run)
    assert next_number(run) == 8
    assert replace_damaged_metadata(run) is None


def test_a_first_run_has_lost_nothing(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    assert replace_damaged_metadata(run) is None
    reserve_numbers(connection(run), run)
    assert next_number(run) == 1


def test_a_database_without_its_tables_is_told_in_a_sentence(run: RunFolder) -> None:
    with sqlite3.connect(run.metadata_file) as database:
        database.execute("DROP TABLE Execution")
    assert replace_damaged_metadata(run) is None
    with pytest.raises(MetadataError, match=r"ML Metadata cannot use '.*metadata\.sqlite'.*move it away") as raised:
        reserve_numbers(connection(run), run)
    assert "\n" not in str(raised.value)
