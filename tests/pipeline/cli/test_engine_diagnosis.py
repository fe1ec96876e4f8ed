"""``diptych doctor CONFIG``: the engine of the settings is tried, and what was found is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.models.errors import FAILED, OK
from diptych.pipeline.cli import doctor, engine_diagnosis
from diptych.pipeline.cli.main import main
from tests.portable_engine import free_port, job_server, worker_pool

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
    diagnose: Diagnose, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_diagnosis, "_STORES", ("minio://", "gs://"))
    with job_server(tmp_path / "jobs.log") as jobs, worker_pool(tmp_path / "pool.log") as pool:
        engine = f"beam={{runner: spark, endpoint: '{jobs.address}', worker_pool: '{pool.address}'}}"
        # Workers know no minio://.
        assert diagnose(engine) == FAILED
        assert "kubeflow.pipeline_root: workers cannot write" in capfd.readouterr().out
        monkeypatch.setattr(engine_diagnosis, "_STORES", ("gs://",))
        assert diagnose(engine) == OK
    assert capfd.readouterr().out.splitlines() == [
        "beam runner                  spark",
        f"beam job server              answers at {jobs.address}",
        "beam workers                 have done a job; their versions are those here",
        "beam store                   not tried: kubeflow.pipeline_root (minio://mlpipeline/v2/artifacts) is not at gs://",
        "Nothing is missing.",
    ]


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
