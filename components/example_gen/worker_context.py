"""How worker processes are started: without the main module of the program that wants them, and without a race."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import RLock as RLockType
from typing import Any

_main_lock = threading.Lock()


class WorkerProcess(ForkServerProcess):
    """A process that does not import the main module of the process that starts it.

    The functions that it calls are in modules. A program that is read from standard input could not be imported, and
    one that guards nothing by ``if __name__ == "__main__"`` would run once more in each process.
    """

    def start(self) -> None:
        """Starts the process."""
        with _hidden_main():
            super().start()


class WorkerContext(ForkServerContext):
    """The start method ``forkserver`` for the processes of one pool; keep the context until the pool has ended.

    Pebble drops its locks, whose names then go, before it ends processes. One that starts meanwhile would not find
    them, and print a traceback.
    """

    Process = WorkerProcess

    def __init__(self) -> None:
        super().__init__()
        self._locks: list[RLockType] = []

    def RLock(self) -> RLockType:  # multiprocessing calls the method by this name
        """A lock that processes share, which lives as long as the context does."""
        lock = super().RLock()
        self._locks.append(lock)
        return lock


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Within the block, multiprocessing does not see where the main module comes from."""
    main: Any = sys.modules["__main__"]
    with _main_lock:
        hidden = {name: vars(main)[name] for name in ("__spec__", "__file__") if name in vars(main)}
        main.__spec__ = None
        vars(main).pop("__file__", None)
        try:
            yield
        finally:
            vars(main).update(hidden)
