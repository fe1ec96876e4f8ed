"""Kills a process at each operation by which it changes files, as a machine or an operator may."""

from __future__ import annotations

import builtins
import os
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any

# Functions of the module os that change what is on a disk.
_OPERATIONS = ("mkdir", "rmdir", "rename", "replace", "remove", "unlink", "link", "symlink", "truncate", "fsync")
_SECONDS = 120


def is_killed(action: Callable[[], object], number: int) -> bool:
    """Runs an action in a fork of this process, which is killed where it begins the operation of this number, from 1.

    Of what the operation writes, if it writes, half is written.

    Returns:
        Whether the action was killed; False if it has fewer operations.
    """
    pid = os.fork()
    if pid == 0:
        signal.alarm(_SECONDS)
        try:
            _Killer(number).arm()
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL), "the action has failed: its traceback is above"
    return code != 0


class _Killer:
    """Counts operations, and kills this process at one of them. Other threads end in the midst of theirs."""

    def __init__(self, number: int) -> None:
        self._left, self._lock = number, threading.Lock()

    def arm(self) -> None:
        for name in _OPERATIONS:
            setattr(os, name, self._counted(getattr(os, name)))
        opened = builtins.open

        def open_counted(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if set(mode) <= set("rbt"):
                return opened(file, mode, *arguments, **options)
            self.count()
            return _WrittenFile(opened(file, mode, *arguments, **options), self)

        builtins.open = open_counted  # type: ignore[assignment]

    def count(self, before_the_end: Callable[[], object] = lambda: None) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                before_the_end()
                os.kill(os.getpid(), signal.SIGKILL)

    def _counted(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.count()
            return operation(*arguments, **options)

        return counted


class _WrittenFile:
    """A file whose writes are counted."""

    def __init__(self, file: Any, killer: _Killer) -> None:
        self._file, self._killer = file, killer

    def write(self, content: Any) -> Any:
        self._killer.count(lambda: (self._file.write(content[: len(content) // 2]), self._file.flush()))
        return self._file.write(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _WrittenFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
