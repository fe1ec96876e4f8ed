"""Ingestion on an engine's workers in a store: they reach it by themselves, and nothing of the step's container.

The step is given what Kubeflow Pipelines gave it in the last recorded version. Beam's job server and worker pool are
processes of their own, and those of the pool refuse each path of the step's container and temporary folder.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from diptych.components.engines.errors import STORE_REMEDY
from diptych.kubeflow.compiler import build_spec
from diptych.models.errors import FAILED, OK
from diptych.pipeline.options.beam import BeamOptions
from diptych.pipeline.options.kubeflow import StoreOptions
from diptych.pipeline.runs.digest import DatasetDigest, digest_dataset
from tests.conformance.conftest import ROWS
from tests.conformance.launcher import LOGS, Launcher, Outcome
from tests.conformance.recordings import Json, recorded_settings, recordings
from tests.conformance.simulation import without_removed_options
from tests.portable_engine import Service, free_port, job_server, worker_pool

pytestmark = pytest.mark.e2e

Ingest = Callable[..., Outcome]

STEP = "ImageTextExampleGen"
SECRET = "known-to-workers-alone"
# Python imports this module when it starts: in the worker pool, and in each of its workers.
GUARD = """
import os
import sys


def refuse(event, arguments):
    for each in arguments:
        if isinstance(each, (str, bytes)) and os.fsdecode(each).startswith(os.environ["OFF_LIMITS"]):
            raise RuntimeError(f"a worker touches what only the step has ({event})")


sys.addaudithook(refuse)
"""


@pytest.fixture(scope="module")
def step_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of all that a step has on its own machine."""
    folder = tmp_path_factory.mktemp("step")
    for name in ("containers", "tmp"):
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(folder / "tmp"))
        yield folder


@pytest.fixture(scope="module")
def launcher(step_folder: Path, endpoint: str, catalogue: Path) -> Launcher:
    launcher = Launcher(step_folder / "containers", endpoint)
    launcher.make_bucket("shop")
    launcher.upload(catalogue, "minio://shop/catalogue")
    return launcher


@pytest.fixture(scope="module")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def beam(engine_folder: Path, step_folder: Path, endpoint: str) -> Iterator[BeamOptions]:
    """An engine whose workers know the store by their own environment, as docs/kubernetes gives it to them."""
    (engine_folder / "sitecustomize.py").write_text(GUARD)
    variables = {
        "PYTHONPATH": str(engine_folder),
        "OFF_LIMITS": str(step_folder),
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    with ExitStack() as services:
        jobs: Service = services.enter_context(job_server(engine_folder / "jobs.log"))
        pool: Service = services.enter_context(worker_pool(engine_folder / "pool.log", variables))
        yield BeamOptions(runner="flink", endpoint=jobs.address, worker_pool=pool.address, timeout_minutes=8)


def executor_input(place: str, rows_in_memory: int | None = None) -> Json:
    """The recorded ExecutorInput, with another folder for its artifacts.

    Args:
        place: scheme, bucket and path of that folder.
    """
    text = json.dumps(recordings()[-1].step(STEP)).replace("minio://shop/artifacts/shop", place)
    given: Json = json.loads(text.replace("minio://", f"{place.partition('://')[0]}://"))
    parameters = given["inputs"]["parameterValues"]
    parameters.update({name: without_removed_options(value) for name, value in parameters.items()})
    options = json.loads(parameters["data_options"])
    options["limits"]["rows_in_memory"] = rows_in_memory
    parameters["data_options"] = json.dumps(options)
    return given


@pytest.fixture(scope="module")
def ingest(launcher: Launcher, endpoint: str) -> Ingest:
    """Runs ingestion as it is compiled for an engine, or with another use of artifacts than the compiler says."""

    def run(beam: BeamOptions, given: Json, artifacts: str | None = None) -> Outcome:
        settings = recorded_settings()
        kubeflow = settings.kubeflow.model_copy(update={"store": StoreOptions(endpoint=endpoint)})
        spec = build_spec(settings.model_copy(update={"beam": beam, "kubeflow": kubeflow}), "kfp")
        container = spec["deploymentSpec"]["executors"][f"{STEP}_executor"]["container"]
        if artifacts:
            container["args"][container["args"].index("--artifacts") + 1] = artifacts
        return launcher.run(container, given, "7")

    return run


def examples_of(outcome: Outcome) -> str:
    return str(outcome.output["artifacts"]["examples"]["artifacts"][0]["uri"])


def digest_of(launcher: Launcher, outcome: Outcome, folder: Path) -> DatasetDigest:
    """The digest of the Examples that are in the store."""
    assert outcome.exit_code == OK
    uri = examples_of(outcome)
    for name in launcher.keys(uri):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(launcher.read(f"{uri}/{name}"))
    return digest_dataset(str(folder))


def local_files(outcome: Outcome) -> list[str]:
    """The names of what lies in the step's container."""
    root = Path(outcome.given["outputs"]["outputFile"].partition("/minio/")[0])
    return sorted(path.name for path in root.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def expected(launcher: Launcher, ingest: Ingest, tmp_path_factory: pytest.TempPathFactory) -> DatasetDigest:
    """The dataset that the step writes by itself, to be mirrored."""
    outcome = ingest(BeamOptions(), executor_input("minio://shop/direct"))
    found = digest_of(launcher, outcome, tmp_path_factory.mktemp("expected"))
    assert sum(found.examples.values()) == ROWS
    assert "account.json" in local_files(outcome)
    return found


@pytest.mark.parametrize(("place", "rows_in_memory"), [("minio://shop/workers", None), ("s3://shop/many-rows", 50)])
def test_workers_write_the_dataset_of_one_process_to_the_store(
    launcher: Launcher,
    ingest: Ingest,
    beam: BeamOptions,
    expected: DatasetDigest,
    engine_folder: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    place: str,
    rows_in_memory: int | None,
) -> None:
    outcome = ingest(beam, executor_input(place, rows_in_memory))
    printed = capfd.readouterr()
    assert digest_of(launcher, outcome, tmp_path) == expected
    assert examples_of(outcome).startswith(f"{place}/")
    names = launcher.keys(examples_of(outcome))
    assert not [name for name in names if not re.match(r"Split-(train|val|test)/data-\d+-of-\d+\.tfrecord$", name)]
    rejects = outcome.output["artifacts"]["rejects"]["artifacts"][0]["uri"]
    assert launcher.keys(rejects) == ["account.json", "rejects.jsonl"]
    log = outcome.given["outputs"]["artifacts"][LOGS]["artifacts"][0]["uri"]
    assert local_files(outcome) == [os.path.basename(log), "output_metadata.json"]
    logs = [each.read_text() for each in engine_folder.glob("*.log")]
    assert logs
    for text in (*logs, printed.out, printed.err, json.dumps(outcome.output), outcome.log):
        assert SECRET not in text


def test_workers_that_do_not_reach_the_store_are_told_what_they_need(
    launcher: Launcher, ingest: Ingest, beam: BeamOptions, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": SECRET}
    nowhere = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}", **keys}
    with worker_pool(tmp_path / "pool.log", nowhere) as pool:
        lost = beam.model_copy(update={"worker_pool": pool.address})
        outcome = ingest(lost, executor_input("minio://shop/lost"))
    assert outcome.exit_code == FAILED
    message = capfd.readouterr().err.splitlines()[-1]
    start = f"diptych: {STEP} failed: kubeflow.pipeline_root: workers do not reach 'minio://shop/lost/"
    assert message.startswith(start)
    assert message.endswith(f"; {STORE_REMEDY}")
    assert launcher.keys("minio://shop/lost") == [f"runs/7/steps/{STEP}.json"]


def test_workers_that_need_the_steps_folders_fail(
    ingest: Ingest, beam: BeamOptions, capfd: pytest.CaptureFixture[str]
) -> None:
    """So it is seen above that they need none."""
    outcome = ingest(beam, executor_input("minio://shop/mirrored"), artifacts="mirrored")
    assert outcome.exit_code == FAILED
    assert "a worker touches what only the step has" in capfd.readouterr().err
