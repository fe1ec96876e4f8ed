"""Runs the command of a container under a process that stands for KFP's launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import IO, cast

from diptych.kubeflow.local.results import COMPLETE, DELETED, FAILED, KILLED, ResourceUsage
from diptych.models.os_errors import naming

# The shell waits for the command. Without the second part it would become the command itself.
_LAUNCHER = ["/bin/sh", "-c", '"$@"; exit $?', "launcher"]
# How long to wait for output of processes that left the container's group.
_GRACE = 5.0


def run_process(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, logs: Sequence[Path], timeout: float | None
) -> tuple[ResourceUsage, str]:
    """Runs a command and what it starts to its end, in a group of processes of its own.

    Args:
        environment: all of it.
        folder: the working folder.
        logs: files to which the output is written, each as a whole.
        timeout: seconds after which the whole group is killed; None for never.

    Returns:
        What it took, and how it ended. A launcher that is killed leaves a killed container; one that is told to end by
        SIGTERM, as each pod that Kubernetes deletes, leaves a deleted pod.

    Raises:
        OSError: a log cannot be written.
    """
    started = time.monotonic()
    with ExitStack() as opened:
        # What is not written at once is missing in the log of a command that is killed.
        files = [opened.enter_context(_open_log(log)) for log in logs]
        try:
            process = subprocess.Popen(
                [*_LAUNCHER, *command],
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            _write(files, f"the launcher cannot run the command: {error}\n".encode())
            return ResourceUsage(0.0, 0.0, 0), FAILED
        output = _Output(cast(IO[bytes], process.stdout), files)
        output.start()
        code, usage = _wait(process, timeout, started)
        output.join(_GRACE)
        if output.error:
            raise output.error
    return usage, _outcome(code)


@contextmanager
def _open_log(path: Path) -> Iterator[FileIO]:
    with naming(str(path)), path.open("wb", buffering=0) as file:
        yield file


def _wait(process: subprocess.Popen[bytes], timeout: float | None, started: float) -> tuple[int, ResourceUsage]:
    timer = threading.Timer(timeout, os.kill, (process.pid, signal.SIGKILL)) if timeout is not None else None
    try:
        if timer:
            timer.start()
        _, status, resources = os.wait4(process.pid, 0)
    finally:
        if timer:
            timer.cancel()
        # What else runs in a container ends with its first process.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.returncode = os.waitstatus_to_exitcode(status)
    usage = ResourceUsage(
        round(time.monotonic() - started, 2),
        round(resources.ru_utime + resources.ru_stime, 2),
        resources.ru_maxrss * 1024,
    )
    return process.returncode, usage


def _outcome(code: int) -> str:
    if code == 0:
        return COMPLETE
    return FAILED if code > 0 else DELETED if code == -signal.SIGTERM else KILLED


class _Output(threading.Thread):
    """Copies what a command prints to files, while it runs.

    Attributes:
        error: why a file could not be written; None if all were.
    """

    def __init__(self, output: IO[bytes], files: Sequence[FileIO]) -> None:
        super().__init__(daemon=True)
        self._output, self._files = output, files
        self.error: OSError | None = None

    def run(self) -> None:
        """Reads to the end, so that the command does not wait for ever."""
        with self._output:
            while chunk := os.read(self._output.fileno(), 1 << 16):
                try:
                    _write(self._files, chunk)
                except OSError as error:
                    self.error = error


def _write(files: Sequence[FileIO], chunk: bytes) -> None:
    for file in files:
        # After the grace, what still comes is lost.
        if not file.closed:
            with naming(str(file.name)):
                file.write(chunk)
