"""The lock of a run's folder: one process at a time works in it, and readers can tell that one does.

It is one of the operating system's on an open file (``flock``), which ends with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from diptych.models.errors import DiptychError

# Who looks whether the lock is held holds it for a moment.
_ATTEMPTS, _PAUSE_SECONDS = 5, 0.05


class RunLockedError(DiptychError):
    """Another run works in the same folder."""


@contextmanager
def lock_folder(folder: str, file: str) -> Iterator[None]:
    """Makes a folder, and keeps others out of it while the block runs.

    Args:
        file: the path of the lock's file in it.

    Raises:
        RunLockedError: another process is in it.
        OSError: the folder cannot be made, or the file cannot be opened.
    """
    os.makedirs(folder, exist_ok=True)
    with open(file, "w") as lock:
        if not any(_try(lock.fileno(), fcntl.LOCK_EX, pause) for pause in [0.0] + _ATTEMPTS * [_PAUSE_SECONDS]):
            raise RunLockedError(f"another run works in '{folder}': wait for it, or choose another --output")
        yield


def is_locked(file: str) -> bool:
    """Whether a process holds a lock; False where nobody may say."""
    try:
        with open(file) as lock:
            return not _try(lock.fileno(), fcntl.LOCK_SH)
    except OSError:
        return False


def _try(descriptor: int, kind: int, pause: float = 0.0) -> bool:
    time.sleep(pause)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
