"""Functions that tests call in a process with limits."""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import Any

from diptych.pipeline.convert.errors import ConversionError
from diptych.pipeline.convert.pickles import load_pickle


def describe_process(*arguments: Any) -> dict[str, Any]:
    """The arguments, and what the process has and may use."""
    return {
        "arguments": arguments,
        "variables": sorted(os.environ),
        "modules": sorted(sys.modules),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
    }


def refuse() -> None:
    """Raises an error that a person can mend."""
    raise ConversionError("'a.pkl' is not readable")


def use_memory() -> int:
    """Asks for more memory than the limit."""
    return len(bytearray(10**12))


def use_processor() -> None:
    """Works until it is ended."""
    while True:
        pass


def wait() -> None:
    """Waits until it is ended."""
    time.sleep(3600)


def crash() -> None:
    """Ends the process as a fault in a library does."""
    os.abort()


def write_file(path: str) -> None:
    """Writes a file that is larger than the limit."""
    with open(path, "wb") as file:
        file.truncate(10**12)


def load(path: str) -> str:
    """The name of the type of the object in a pickle."""
    with open(path, "rb") as file:
        return type(load_pickle(file)).__name__


def load_each(paths: list[str]) -> list[str]:
    """What becomes of each pickle in a process forked for it: ``value``, ``refused``, ``memory`` or a status."""
    ends = {0: "value", 1: "refused", 2: "memory"}
    return [ends.get(status, f"status {status}") for status in map(_load_in_fork, paths)]


def _load_in_fork(path: str) -> int:
    child = os.fork()
    if child == 0:
        try:
            load(path)
        except ConversionError as error:
            os._exit(1 if str(error).isascii() else 3)
        except MemoryError:
            os._exit(2)
        except BaseException:
            os._exit(4)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
