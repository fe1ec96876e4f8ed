"""``diptych doctor CONFIG``: the engine of the settings is tried, and what was found is said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest

from diptych.models.errors import FAILED, OK
from diptych.pipeline.cli import doctor, engine_diagnosis
from diptych.pipeline.cli.main import main
from tests.portable_engine import free_port, job_server, worker_pool
from tests.s3_server import s3_server

Diagnose = Callable[..., int]


@pytest.fixture
def diagnose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Diagnose:
    """Runs the command with overrides, without what it says of this machine."""
    monkeypatch.setattr(doctor, "find_problems", list)
    monkeypatch.setattr(doctor, "installed_versions", dict)
    config = tmp_path / "diptych.yaml"
    config.write_text("data: {catalogue: catalogue.csv}\n")
    (tmp_path / "catalogue.csv").touch()
    return lambda *overrides: main(["doctor", str(config), *(f"--set={each}" for each in overrides)])


def test_an_engine_that_works_is_described(
    diagnose: Diagnose, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The store is known to the workers alone."""
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    with ExitStack() as services:
        address = services.enter_context(s3_server())
        session = boto3.session.Session(*keys.values(), region_name="us-east-1")
        bucket = session.resource("s3", endpoint_url=address).create_bucket(Bucket="diagnosed")
        jobs = services.enter_context(job_server(tmp_path / "jobs.log"))
        variables = {"AWS_ENDPOINT_URL_S3": address, **keys}
        pool = services.enter_context(worker_pool(tmp_path / "pool.log", variables))
        engine = f"beam={{runner: spark, endpoint: '{jobs.address}', worker_pool: '{pool.address}'}}"
        assert diagnose(engine, "kubeflow.pipeline_root=minio://diagnosed/artifacts") == OK
        described = capfd.readouterr().out.splitlines()
        assert diagnose(engine, "kubeflow.pipeline_root=s3://absent/artifacts") == FAILED
        refused = capfd.readouterr().out
        assert diagnose(engine) == OK
        assert list(bucket.objects.all()) == []
    assert described == [
        "beam runner                  spark",
        f"beam job server              answers at {jobs.address}",
        "beam workers                 have done a job; their versions are those here",
        "beam store                   a worker has written and read a file below minio://diagnosed/artifacts",
        "Nothing is missing.",
    ]
    assert "Problem: kubeflow.pipeline_root: workers cannot write and read below 's3://absent/artifacts'" in refused
    assert "AWS_ENDPOINT_URL_S3" in refused
    assert "beam store                   not tried: the settings have no kubeflow" in capfd.readouterr().out


def test_a_missing_job_server_is_a_problem(
    diagnose: Diagnose, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_diagnosis, "_CONNECT_SECONDS", 0.1)
    assert diagnose(f"beam={{runner: flink, endpoint: 'localhost:{free_port()}'}}") == FAILED
    runner, problem = capfd.readouterr().out.splitlines()
    assert runner.split() == ["beam", "runner", "flink"]
    assert problem.startswith("Problem: beam.endpoint: nothing answers at 'localhost:")


def test_a_missing_worker_pool_is_a_problem(
    diagnose: Diagnose, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with job_server(tmp_path / "jobs.log") as jobs:
        pool = f"localhost:{free_port()}"
        assert diagnose(f"beam={{runner: flink, endpoint: '{jobs.address}', worker_pool: '{pool}'}}") == FAILED
    out = capfd.readouterr().out
    assert f"beam job server              answers at {jobs.address}" in out
    assert f"Problem: beam.worker_pool: the task managers find no worker pool at '{pool}'" in out
