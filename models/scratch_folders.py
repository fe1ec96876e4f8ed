"""Folders for temporary copies. What a killed process left of them is deleted at the next start."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: What the names of these folders begin with.
PREFIX = "diptych-scratch-"


@contextmanager
def scratch_folder() -> Iterator[str]:
    """Gives an empty folder in that of temporary files (``TMPDIR``), which is deleted when the block ends.

    Its process holds a lock on it, which ends with the process. Folders without a lock are deleted, too, if they are
    this user's.

    Raises:
        OSError: it cannot be made.
    """
    _delete_abandoned(tempfile.gettempdir())
    folder, lock = _make_locked()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make_locked() -> tuple[str, int]:
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX)
        with suppress(FileNotFoundError):
            try:
                lock = _open(folder)
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            # A file system without locks has no folders that could be told to be abandoned.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            # Another process may have taken it for an abandoned one before it was locked.
            if os.path.isdir(folder):
                return folder, lock
            os.close(lock)


def _delete_abandoned(parent: str) -> None:
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                with suppress(OSError):
                    _delete_unlocked(entry.path)


def _delete_unlocked(folder: str) -> None:
    lock = _open(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _open(folder: str) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
