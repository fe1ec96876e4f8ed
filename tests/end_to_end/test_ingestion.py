"""Ingestion of the emoji catalogue: through every kind of catalogue, on a portable runner, and killed half-way."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from diptych.components.artifact_types import Rejects
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.fingerprint import digest_inputs
from diptych.components.catalogue.options import DataOptions
from diptych.components.example_gen.driver import standard_input
from diptych.components.example_gen.executor import ImageTextExampleGenExecutor
from diptych.models.images.options import ImageOptions
from diptych.pipeline.options.beam import BeamOptions
from diptych.pipeline.runs.digest import DatasetDigest, digest_dataset
from tests.catalogue_kinds import KINDS, Item, write_kind
from tests.paths import EMOJI
from tests.portable_engine import free_port, job_server, worker_pool

pytestmark = pytest.mark.e2e

ROWS = 3394
IMAGE = ImageOptions(height=64, width=64)

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


@pytest.fixture(scope="module")
def items() -> list[Item]:
    found = []
    with (EMOJI / "catalogue.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = Path(row["image"]).name
            content = (EMOJI / row["image"]).read_bytes()
            found.append(Item(name, name, content, row["description"], row["label"], row["group"]))
    return found


@pytest.fixture(scope="module")
def expected(items: list[Item], tmp_path_factory: pytest.TempPathFactory) -> DatasetDigest:
    folder = tmp_path_factory.mktemp("expected")
    found = ingest(write_kind("csv", folder / "catalogue", items), folder)
    assert sum(found.examples.values()) == ROWS
    return found


@pytest.fixture(scope="module")
def some_items(items: list[Item]) -> list[Item]:
    """Items of every group of the catalogue: what kinds differ in is not how many rows they have."""
    return items[::8]


@pytest.fixture(scope="module")
def expected_of_some(some_items: list[Item], tmp_path_factory: pytest.TempPathFactory) -> DatasetDigest:
    folder = tmp_path_factory.mktemp("expected_of_some")
    found = ingest(write_kind("csv", folder / "catalogue", some_items), folder)
    assert sum(found.examples.values()) == len(some_items)
    return found


@needs_emoji
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "csv"])
def test_each_kind_of_catalogue_gives_the_same_dataset(
    kind: str, some_items: list[Item], expected_of_some: DatasetDigest, tmp_path: Path
) -> None:
    assert ingest(write_kind(kind, tmp_path / "catalogue", some_items), tmp_path) == expected_of_some


@pytest.fixture
def portable_runner(tmp_path: Path) -> Iterator[list[str]]:
    with job_server(tmp_path / "jobs.log") as jobs, worker_pool(tmp_path / "pool.log") as pool:
        yield BeamOptions(runner="flink", endpoint=jobs.address, worker_pool=pool.address).pipeline_args("")


@needs_emoji
@pytest.mark.parametrize("rows_in_memory", [None, 200])
def test_a_portable_runner_gives_the_same_dataset(
    some_items: list[Item],
    expected_of_some: DatasetDigest,
    portable_runner: list[str],
    tmp_path: Path,
    rows_in_memory: int | None,
) -> None:
    data = write_kind("csv", tmp_path / "catalogue", some_items)
    limits = data.limits.model_copy(update={"rows_in_memory": rows_in_memory})
    assert ingest(data.model_copy(update={"limits": limits}), tmp_path, *portable_runner) == expected_of_some


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """A bucket of an S3 server on this machine, which the usual variables name."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield boto3.resource("s3").create_bucket(Bucket="shop")
    server.stop()


@needs_emoji
@pytest.mark.parametrize("kind", ["csv", "folder", "webdataset"])
def test_an_object_store_gives_the_same_dataset(kind: str, items: list[Item], bucket: Any, tmp_path: Path) -> None:
    local = write_kind(kind, tmp_path / kind, items[:60])
    for path in (tmp_path / kind).rglob("*"):
        if path.is_file():
            bucket.upload_file(str(path), path.relative_to(tmp_path).as_posix())
    place = Path(local.catalogue).relative_to(tmp_path).as_posix()
    remote = local.model_copy(update={"catalogue": f"s3://shop/{place}"})
    assert ingest(remote, tmp_path / "remote") == ingest(local, tmp_path / "local")
    assert digest_inputs(Catalogue.open(remote)) == digest_inputs(Catalogue.open(remote))


@needs_emoji
def test_a_killed_ingestion_is_never_taken_for_finished(
    items: list[Item], expected: DatasetDigest, tmp_path: Path
) -> None:
    data = write_kind("csv", tmp_path / "catalogue", items)
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
