"""A process that has imported what commands need, and runs each in a fork of itself: starting Python takes longer.

It reads a request, a line of JSON, from standard input for each command, and answers with the status of the fork.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import json
import mmap
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from diptych.pipeline.cli import command_line  # noqa: F401
from diptych.pipeline.cli.main import main

# Longer than any command on a tiny catalogue takes; a command that waits for ever is a fault of its own.
_SECONDS = 600


def serve(modules: Sequence[str]) -> None:
    """Answers requests until there are no more."""
    for name in modules:
        importlib.import_module(name)
    # Else each fork copies the memory of all objects, to count references to them.
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        pid = _fork()
        if pid == 0:
            _run_and_leave(request)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _fork() -> int:
    with warnings.catch_warnings():
        # From Python 3.12 on, it warns if other threads exist. Those that imports start (Arrow's jemalloc has one) hold
        # no lock that a command needs; TensorFlow and Beam start theirs when they are first used.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _run_and_leave(request: dict[str, Any]) -> None:
    """Runs a command, and ends the process as Python does, but without taking it to pieces, which takes long."""
    code = 1
    try:
        code = _run(request)
    except BaseException:
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


def _run(request: dict[str, Any]) -> int:
    # If it comes to that, standard error says where each thread waits; then the process ends.
    faulthandler.register(signal.SIGALRM, file=2, chain=True)
    signal.alarm(_SECONDS)
    os.chdir(request["folder"])
    os.environ["TMPDIR"] = tempfile.tempdir = request["temporary"]
    for descriptor, path in enumerate(request["streams"]):
        file = os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    with open(os.environ["FAULTS_STATE"], "r+b") as file, mmap.mmap(file.fileno(), 0) as state:
        armed = bytes.fromhex(request["state"])
        state[: len(armed)] = armed
    return main(request["arguments"])


if __name__ == "__main__":
    serve(sys.argv[1:])
