"""The SQLite file of ML Metadata: whether it is whole, and may be written. Neither TFX nor ML Metadata is needed."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from itertools import count
from typing import Any

from diptych.models.errors import DiptychError

# How long another program may keep a lock. ML Metadata itself would wait for ever.
_LOCK_SECONDS = 10.0


class MetadataError(DiptychError):
    """The metadata of a run cannot be used; the message names the file and the remedy."""


def find_metadata_problem(path: str) -> str | None:
    """What is wrong with a metadata file, to be read after its path; None if it is whole.

    Raises:
        MetadataError: another program keeps a lock on it, or SQLite cannot open it.
        OSError: it cannot be read.
    """
    try:
        if not os.path.getsize(path):
            return "is empty"
        with open(path, "rb") as file:
            file.read(1)
        (answer,) = _execute(path, "PRAGMA integrity_check(1)")
    except FileNotFoundError:
        return "is missing"
    except sqlite3.DatabaseError as error:
        answer = error
    return None if answer == "ok" else f"is damaged ({str(answer).strip()})"


def check_writable(path: str) -> None:
    """Waits until no other program has a lock on a metadata file that a run writes to.

    Raises:
        MetadataError: another program keeps its lock.
        PermissionError: the file, or the folder, in which SQLite keeps its journal, cannot be written.
    """
    for each in (path, os.path.dirname(path)):
        if os.path.exists(each) and not os.access(each, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), each)
    if os.path.exists(path):
        _execute(path, "BEGIN EXCLUSIVE")


def set_aside(path: str) -> str:
    """Renames a file, so that nothing of it is lost, and returns its new path."""
    aside = next(name for number in count(1) if not os.path.lexists(name := f"{path}.damaged-{number}"))
    os.rename(path, aside)
    return aside


def _execute(path: str, statement: str) -> Any:
    """The first row that a statement gives; what it changes is taken back."""
    try:
        with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS)) as connection:
            return connection.execute(statement).fetchone()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            remedy = f"end the program that locks it (fuser '{path}' tells its number)"
        else:
            remedy = "see to it that it can be read and written"
        raise MetadataError(f"'{path}': {error}; {remedy}, or work in another folder") from None
