"""Beam's job server and worker pool on this machine: what a step meets where its Beam jobs run elsewhere."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


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


def worker_pool(log: Path, variables: Mapping[str, str] = _NO_VARIABLES) -> AbstractContextManager[Service]:
    """Beam's worker pool, which starts a process for each worker.

    Args:
        variables: what its environment has beside, or in the place of, that of this process.
    """
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main"]
    return _serve(log, command, "--service_port", variables)


@contextmanager
def _serve(
    log: Path, command: list[str], option: str, variables: Mapping[str, str] = _NO_VARIABLES
) -> Iterator[Service]:
    port = free_port()
    # The worker pool calls "python".
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    call = [*command, f"{option}={port}"]
    with log.open("w") as file, subprocess.Popen(call, stdout=file, stderr=file, env=environment) as process:
        try:
            _wait(process, port, log)
            yield Service(f"localhost:{port}", process)
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Waits until a process listens at a port."""
    while True:
        assert process.poll() is None, log.read_text()
        with suppress(ConnectionRefusedError), socket.create_connection(("localhost", port)):
            return
        time.sleep(0.1)
