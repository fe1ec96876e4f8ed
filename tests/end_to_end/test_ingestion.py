"""Ingestion of the emoji catalogue: through every kind of catalogue, on a portable runner, and killed half-way."""

from __future__ import annotations

import csv
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from components.artifacts import Rejects
from components.example_gen.driver import standard_input
from components.example_gen.executor import ImageTextExampleGenExecutor
from components.example_gen.options import DataOptions
from models.images import ImageOptions
from pipeline.digest import DatasetDigest, digest_dataset
from tests.catalogue_kinds import KINDS, write_kind

pytestmark = pytest.mark.e2e

EMOJI = Path(__file__).parents[3] / "shared" / "data" / "emoji"
ROWS = 3394
IMAGE = ImageOptions(height=64, width=64)
WORKER = f"{sys.executable} -m apache_beam.runners.worker.sdk_worker_main"

needs_emoji = pytest.mark.skipif(not EMOJI.is_dir(), reason="needs the emoji catalogue beside the project's folder")


def ingest(data: DataOptions, folder: Path, *beam_arguments: str) -> DatasetDigest:
    """Runs the executor and digests what it wrote."""
    examples, rejects = standard_artifacts.Examples(), Rejects()
    examples.uri, rejects.uri = str(folder / "examples"), str(folder / "rejects")
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=list(beam_arguments), tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    properties = {
        **standard_input(data.catalogue),
        "data_options": data.model_dump_json(exclude={"catalogue"}),
        "image_options": IMAGE.model_dump_json(),
    }
    ImageTextExampleGenExecutor(context).Do({}, {"examples": [examples], "rejects": [rejects]}, properties)
    return digest_dataset(str(folder / "examples"))


def emoji_rows() -> Iterator[dict[str, object]]:
    with (EMOJI / "catalogue.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = Path(row["image"]).name
            content = (EMOJI / row["image"]).read_bytes()
            yield {**{key: row[key] for key in ("description", "label", "group")}, "id": name, "name": name} | {
                "content": content
            }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> DatasetDigest:
    folder = tmp_path_factory.mktemp("expected")
    found = ingest(write_kind("csv", list(emoji_rows()), folder / "catalogue"), folder)
    assert sum(found.examples.values()) == ROWS
    return found


@needs_emoji
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "csv"])
def test_each_kind_of_catalogue_gives_the_same_dataset(kind: str, expected: DatasetDigest, tmp_path: Path) -> None:
    assert ingest(write_kind(kind, list(emoji_rows()), tmp_path / "catalogue"), tmp_path) == expected


@pytest.fixture
def job_server(tmp_path: Path) -> Iterator[str]:
    """Beam's portable job server: gets pipelines by gRPC and starts workers as processes of their own."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", f"--port={port}"]
    with (tmp_path / "server.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            yield f"localhost:{port}"
        finally:
            server.terminate()


@needs_emoji
def test_a_portable_runner_gives_the_same_dataset(expected: DatasetDigest, job_server: str, tmp_path: Path) -> None:
    data = write_kind("csv", list(emoji_rows()), tmp_path / "catalogue").model_copy(update={"processes": 1})
    arguments = [
        "--runner=PortableRunner",
        f"--job_endpoint={job_server}",
        "--environment_type=SUBPROCESS_SDK",
        f"--environment_config={WORKER}",
        "--sdk_worker_parallelism=2",
    ]
    assert ingest(data, tmp_path, *arguments) == expected


@needs_emoji
def test_a_killed_ingestion_is_never_taken_for_finished(expected: DatasetDigest, tmp_path: Path) -> None:
    data = write_kind("csv", list(emoji_rows()), tmp_path / "catalogue")
    config = tmp_path / "diptych.yaml"
    values = {"data": data.model_dump(exclude_defaults=True), "image": IMAGE.model_dump(exclude_defaults=True)}
    config.write_text(yaml.safe_dump(values))
    command = [sys.executable, "-m", "tests.end_to_end.ingest_only", str(config), str(tmp_path / "run")]

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as killed:
        while not list(tmp_path.glob("run/artifacts/*/examples/*/.ingestion/*.tfrecord")):
            assert killed.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        os.kill(killed.pid, signal.SIGKILL)
    assert executions(tmp_path / "run") == ["RUNNING"]

    subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
    assert executions(tmp_path / "run") == ["RUNNING", "COMPLETE"]
    (finished,) = (folder for folder in tmp_path.glob("run/artifacts/*/examples/2"))
    assert digest_dataset(str(finished)) == expected
    assert not (finished / ".ingestion").exists()


def executions(folder: Path) -> list[str]:
    """The last known state of each execution in the metadata, in order (ml_metadata's Execution.State)."""
    names = {2: "RUNNING", 3: "COMPLETE", 4: "FAILED", 5: "CACHED"}
    with sqlite3.connect(folder / "metadata.sqlite") as store:
        states = store.execute("SELECT last_known_state FROM Execution ORDER BY id").fetchall()
    return [names.get(state, str(state)) for (state,) in states]
