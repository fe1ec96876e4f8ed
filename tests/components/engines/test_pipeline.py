"""Jobs on workers of their own: what goes wrong is said in a sentence, and nothing is waited for without a limit."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_beam as beam
import grpc
import pytest
from apache_beam.options.pipeline_options import PortableOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from apache_beam.runners.portability.local_job_service import LocalJobServicer

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.engines import reaching
from diptych.components.engines.errors import EngineError
from diptych.components.engines.pipeline import EnginePipeline
from tests.components.engines.worker_functions import die, divide_by_zero, double, refuse, sleep, wait_until_removed
from tests.portable_engine import free_port, job_server, worker_pool

DIRECT = ["--runner=FnApiRunner"]
PROCESSES = [*DIRECT, "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def portable(endpoint: str, pool: str, minutes: float = 10) -> list[str]:
    return [
        "--runner=PortableRunner",
        f"--job_endpoint={endpoint}",
        "--environment_type=EXTERNAL",
        f"--environment_config={pool}",
        f"--timeout_minutes={minutes}",
    ]


def run(arguments: list[str], function: Callable[[Any], Any], value: Any = 1) -> None:
    with EnginePipeline(arguments) as pipeline:
        _ = pipeline | beam.Create([value]) | beam.Map(function)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with job_server(tmp_path_factory.mktemp("jobs") / "log") as service:
        yield service.address


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with worker_pool(tmp_path_factory.mktemp("pool") / "log") as service:
        yield service.address


def job_states(endpoint: str) -> list[str]:
    """The states of all jobs that the job server has had."""
    with grpc.insecure_channel(endpoint) as channel:
        jobs = beam_job_api_pb2_grpc.JobServiceStub(channel).GetJobs(beam_job_api_pb2.GetJobsRequest())
    return [beam_job_api_pb2.JobState.Enum.Name(job.state) for job in jobs.job_info]


def test_a_job_is_done_by_the_pool(endpoint: str, pool: str) -> None:
    run(portable(endpoint, pool), double)
    assert job_states(endpoint)[-1] == "DONE"


@pytest.mark.parametrize("arguments", [DIRECT, PROCESSES, "portable"], ids=["direct", "processes", "portable"])
def test_an_error_of_ours_on_a_worker_is_itself_again(
    arguments: list[str] | str, request: pytest.FixtureRequest
) -> None:
    if isinstance(arguments, str):
        arguments = portable(request.getfixturevalue("endpoint"), request.getfixturevalue("pool"))
    with pytest.raises(CatalogueError, match="^catalogue.csv, row 1: the image is broken;\nmend it"):
        run(arguments, refuse)


def test_a_bug_on_a_worker_is_its_last_line(endpoint: str, pool: str) -> None:
    with pytest.raises(RuntimeError) as error:
        run(portable(endpoint, pool), divide_by_zero)
    assert str(error.value) == "on a worker of Beam: ZeroDivisionError: division by zero"
    assert "Traceback" in str(error.value.__cause__)


def test_without_a_worker_pool_its_setting_is_named(endpoint: str) -> None:
    missing = f"localhost:{free_port()}"
    with pytest.raises(EngineError, match=rf"^beam\.worker_pool: .*'{missing}'; run 'python -m .*'"):
        run(portable(endpoint, missing), double)


def test_a_killed_worker_is_named() -> None:
    with pytest.raises(EngineError, match=r"^beam\.workers: a worker of Beam was killed, .*data\.limits\.memory_mb$"):
        run(PROCESSES, die)


def test_a_killed_worker_that_the_engine_does_not_notice_is_not_waited_for(endpoint: str, pool: str) -> None:
    """As with the job server in Python."""
    with pytest.raises(EngineError, match=r"^beam\.timeout_minutes: .* within 12 s; .*a worker that was killed"):
        run(portable(endpoint, pool, minutes=0.2), die)
    assert job_states(endpoint)[-1] == "CANCELLED"


def test_where_nothing_answers_the_endpoint_is_named(pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "CONNECT_SECONDS", 0.1)
    with pytest.raises(EngineError, match=r"^beam\.endpoint: nothing answers at 'localhost:\d+' \(Connection refused"):
        run(portable(f"localhost:{free_port()}", pool), double)
    with pytest.raises(EngineError, match=r"^beam\.endpoint: the host of 'nowhere\.invalid:8099' is not known"):
        run(portable("nowhere.invalid:8099", pool), double)


def test_what_is_no_job_server_is_named(endpoint: str, pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "CONNECT_SECONDS", 5.0)
    with pytest.raises(EngineError, match=rf"^beam\.endpoint: what answers at '{pool}' is no job server .*flink_rest"):
        run(portable(pool, pool), double)


def flink_by_jar(jar: Path) -> list[str]:
    return ["--runner=FlinkRunner", "--flink_master=localhost:8081", f"--flink_job_server_jar={jar}"]


def test_without_java_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server.jar").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"^beam\.flink_rest: .* there is no 'java' here; .*beam\.endpoint$"):
        run(flink_by_jar(tmp_path / "server.jar"), double)


@contextmanager
def java(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (folder / "java").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "java").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        yield


def test_without_the_jar_its_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        java(tmp_path, "exit 1", monkeypatch),
        pytest.raises(EngineError, match=r"^beam\.job_server_jar: there is no file '.*missing\.jar' here; build"),
    ):
        run(flink_by_jar(tmp_path / "missing.jar"), double)


def test_a_jar_that_does_not_start_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server.jar").touch()
    with (
        java(tmp_path, "echo no main manifest attribute >&2; exit 1", monkeypatch),
        pytest.raises(EngineError, match=r"^beam\.job_server_jar: the job server did not start; .*Flink version"),
    ):
        run(flink_by_jar(tmp_path / "server.jar"), double)


def when_it_runs(work: Path, call: Callable[[], Any]) -> None:
    """Calls a function as soon as a worker is at work in a folder."""

    def wait() -> None:
        while not (work / "is-running").exists():
            time.sleep(0.05)
        call()

    threading.Thread(target=wait, daemon=True).start()


def end(work: Path) -> None:
    """Lets the worker in a folder end."""
    work.rename(work.with_name("ended"))


def test_a_job_that_does_not_end_is_cancelled(endpoint: str, pool: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(EngineError, match=r"^beam\.timeout_minutes: .* was cancelled: it did not end within 30 s"):
        # A busy machine takes some of it to hand the job over.
        run(portable(endpoint, pool, minutes=0.5), wait_until_removed, str(work))
    assert job_states(endpoint)[-1] == "CANCELLED"
    end(work)


class SlowJobServicer(LocalJobServicer):  # type: ignore[misc]
    """A job server that takes jobs only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_ready = threading.Event()

    def Run(self, *arguments: Any, **options: Any) -> Any:
        self.is_ready.wait()
        return super().Run(*arguments, **options)


def test_a_job_that_is_taken_too_late_is_cancelled(pool: str) -> None:
    server = SlowJobServicer()
    endpoint = f"localhost:{server.start_grpc_server()}"
    try:
        with pytest.raises(EngineError, match=r"^beam\.timeout_minutes: the job server did not take a job within 3 s"):
            run(portable(endpoint, pool, minutes=0.05), double)
        server.is_ready.set()
        while job_states(endpoint) != ["CANCELLED"]:
            time.sleep(0.1)
    finally:
        server.stop()


def test_a_driver_that_is_interrupted_cancels_the_job(endpoint: str, pool: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    when_it_runs(work, _thread.interrupt_main)
    with pytest.raises(KeyboardInterrupt):
        run(portable(endpoint, pool), wait_until_removed, str(work))
    assert job_states(endpoint)[-1] == "CANCELLED"
    end(work)


def test_a_job_server_that_goes_away_is_named(pool: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with job_server(tmp_path / "log") as server:
        when_it_runs(work, server.process.kill)
        with pytest.raises(EngineError, match=rf"^beam\.endpoint: the job server at '{server.address}' went away"):
            run(portable(server.address, pool), wait_until_removed, str(work))
    end(work)


def test_beams_limit_for_requests_does_not_end_a_job(endpoint: str, pool: str) -> None:
    """It is a minute, and holds for the stream of the job's states; here it would be a second."""
    run([*portable(endpoint, pool), "--job_server_timeout=1"], sleep, 3)
    assert job_states(endpoint)[-1] == "DONE"


@pytest.mark.parametrize("minutes", [10, 1440])
def test_beams_limit_for_requests_is_longer_than_that_of_the_job(minutes: int) -> None:
    pipeline = EnginePipeline(portable("localhost:1", "localhost:2", minutes))
    assert pipeline.options.view_as(PortableOptions).job_server_timeout > minutes * 60
