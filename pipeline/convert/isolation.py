"""Calls a function in a process of its own with limits, because its input may crash it or exhaust memory and time.

The process gets neither the environment's variables nor the current folder's modules. Arguments and result are JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from diptych.models.errors import DiptychError
from diptych.models.isolated_python import isolated_command, isolated_environment
from diptych.pipeline.convert.errors import ConversionError

# The limit on elapsed time is so many times the limit on processor time: a process may wait for the disk or for others.
_ELAPSED_FACTOR = 10


@dataclass(frozen=True)
class Limits:
    """What a process may use.

    Attributes:
        memory: bytes of its address space, and of each file that it writes.
        seconds: of processor time; ten times as long if it waits for the disk or for other processes.
    """

    memory: int
    seconds: int


def limits_for(path: str) -> Limits:
    """The limits for reading a file: enough for the libraries, and for values of fifty times the file's size.

    A list of short texts takes so much.
    """
    size = os.path.getsize(path) if os.path.exists(path) else 0
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Limits(memory=min((2 << 30) + 64 * size, installed), seconds=30 + size // 50_000)


def call_isolated(function: str, arguments: Sequence[Any], path: str) -> Any:
    """Calls a function in a process of its own, and returns what it returns.

    Args:
        function: its import path, ``<module>.<name>``.
        arguments: its arguments, which JSON can hold.
        path: the file that it reads; its size decides the limits.

    Raises:
        ConversionError: with the message of the ``DiptychError`` that the function raised; or the function exceeded a
            limit, or crashed.
        OSError: the function raised one.
    """
    limits = limits_for(path)
    request = {"function": function, "arguments": arguments, "memory": limits.memory, "seconds": limits.seconds}
    try:
        done = subprocess.run(
            isolated_command(__name__),
            input=json.dumps(request).encode(),
            capture_output=True,
            env=isolated_environment(),
            timeout=_ELAPSED_FACTOR * limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConversionError(f"'{path}' was not read within {_ELAPSED_FACTOR * limits.seconds:,} s") from None
    if done.returncode:
        raise ConversionError(f"'{path}' {_explain(done, limits)}; is it a dataset of plain data?")
    result = json.loads(done.stdout)
    if "error" in result:
        raise ConversionError(result["error"])
    if "os_error" in result:
        raise OSError(*result["os_error"])
    return result["value"]


def _explain(done: subprocess.CompletedProcess[bytes], limits: Limits) -> str:
    """Why the process ended without a result, as a phrase that follows the name of the file."""
    last_line = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if done.returncode == -signal.SIGXCPU:
        return f"was not read within {limits.seconds:,} s of processor time"
    if "MemoryError" in last_line:
        return f"was not read within {limits.memory / 1e6:,.0f} MB of memory"
    return f"ended the process that read it ({last_line or signal.Signals(-done.returncode).name})"


def main() -> None:
    """The program of the isolated process: calls the function that standard input names, and prints its result."""
    request = json.load(sys.stdin)
    module, _, name = request["function"].rpartition(".")
    function = getattr(import_module(module), name)
    _set_limits(Limits(request["memory"], request["seconds"]))
    try:
        result = {"value": function(*request["arguments"])}
    except DiptychError as error:
        result = {"error": str(error)}
    except OSError as error:
        result = {"os_error": [error.errno, error.strerror or str(error), error.filename]}
    print(json.dumps(result), flush=True)  # noqa: T201
    os._exit(0)


def _set_limits(limits: Limits) -> None:
    wanted = {
        resource.RLIMIT_AS: limits.memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits.seconds,
        resource.RLIMIT_FSIZE: limits.memory,
    }
    for kind, limit in wanted.items():
        _, hard = resource.getrlimit(kind)
        # The hard limit stays: at it, a process would be killed without a signal that tells why.
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
