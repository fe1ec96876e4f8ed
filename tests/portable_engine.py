"""Beam's job server and worker pool on this machine: what a step meets where its Beam jobs run elsewhere."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Service:
    """A service of Beam's in a process of its own, at ``address``, its ``host:port``."""

    address: str
    process: subprocess.Popen[bytes]


def job_server(log: Path) -> AbstractContextManager[Service]:
    """Beam's job server, which gets pipelines by gRPC."""
    return _serve(log, [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main"], "--port")


def jar_job_server(log: Path, jar: str, master: str) -> AbstractContextManager[Service]:
    """Beam's job server of Flink or Spark."""
    return _serve(log, ["java", "-jar", jar, master, "--artifact-port=0", "--expansion-port=0"], "--job-port")


def worker_pool(log: Path) -> AbstractContextManager[Service]:
    """Beam's worker pool, which starts a process for each worker."""
    return _serve(log, [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main"], "--service_port")


@contextmanager
def _serve(log: Path, command: list[str], option: str) -> Iterator[Service]:
    port = free_port()
    # The worker pool calls "python".
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    call = [*command, f"{option}={port}"]
    with log.open("w") as file, subprocess.Popen(call, stdout=file, stderr=file, env=environment) as process:
        try:
            yield Service(f"localhost:{port}", process)
        finally:
            process.terminate()
