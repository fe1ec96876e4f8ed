"""Version directories as TensorFlow Serving defines them: named by numbers, the greatest of which is the latest.

Pusher keeps blessed models in them, DataGate the accepted data, and training its backups.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from diptych.models.atomic_files import sync, sync_folder

# Neither TensorFlow Serving nor a reader here takes a folder of such a name for a version.
_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.part")
# How old a folder is in which nobody writes any more.
_ABANDONED_SECONDS = 24 * 3600


@dataclass(frozen=True)
class WholeVersion:
    """The latest version that is whole.

    Attributes:
        folder: its path; None if there is none.
        passed_over: a sentence about each later version, of which only a part is there.
    """

    folder: str | None
    passed_over: list[str]


def list_versions(directory: str) -> list[str]:
    """The paths of the version directories in a directory, the latest first; none if there is no such directory.

    Args:
        directory: a path, or a URI that TensorFlow reads, for which it is imported.
    """
    if "://" not in directory:
        names = os.listdir(directory) if os.path.isdir(directory) else []
    else:
        import tensorflow as tf

        names = tf.io.gfile.listdir(directory) if tf.io.gfile.isdir(directory) else []
    return [os.path.join(directory, name) for name in sort_versions(name.rstrip("/") for name in names)]


def latest_version(directory: str) -> str | None:
    """The path of the latest version directory, as ``list_versions`` finds it; None if there is none."""
    return next(iter(list_versions(directory)), None)


def sort_versions(names: Iterable[str]) -> list[str]:
    """The names among ``names`` of version directories, the latest first."""
    return sorted((name for name in names if name.isascii() and name.isdecimal()), key=int, reverse=True)


def find_whole_version(versions: Iterable[str], find_damage: Callable[[str], str | None]) -> WholeVersion:
    """Finds the first version that is whole. Pushes of other programs, and copies by hand, may leave half of one.

    Args:
        versions: paths of versions, the latest first.
        find_damage: says what a version lacks; None if it is whole.
    """
    passed_over: list[str] = []
    for folder in versions:
        damage = find_damage(folder)
        if damage is None:
            return WholeVersion(folder, passed_over)
        passed_over.append(
            f"'{folder}' is passed over, because it is not whole: {damage}; if a push or a copy was interrupted there, "
            "delete it"
        )
    return WholeVersion(None, passed_over)


def add_version(directory: str, fill: Callable[[str], None]) -> str:
    """Adds a version as a whole or not at all, whoever else adds one to the same directory at the same time.

    It is written beside the versions, brought to the disk and renamed: a process that is killed leaves no half of one.

    Args:
        directory: a path; it is made if need be.
        fill: writes the content into an empty folder.

    Returns:
        The path of the version. Its number is the time in seconds, or greater if that is not the greatest.

    Raises:
        OSError: the version cannot be written.
    """
    os.makedirs(directory, exist_ok=True)
    _remove_abandoned(directory)
    unfinished = os.path.join(directory, f".{uuid4().hex}.part")
    try:
        # Not by tempfile: a server that runs as another user reads the folder.
        os.mkdir(unfinished)
        fill(unfinished)
        sync_folder(unfinished)
        version = _rename_to_next(unfinished, directory)
    except OSError as error:
        if str(error.filename).startswith(unfinished):
            error.filename = directory
            # Where it is None, it is printed.
            del error.filename2
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    sync(directory)
    return version


def next_number(names: Iterable[str], least: int) -> int:
    """The number of a further version: ``least``, or the one after the greatest among ``names`` if that is greater."""
    return max([least, *(int(name) + 1 for name in sort_versions(names)[:1])])


def _rename_to_next(folder: str, directory: str) -> str:
    while True:
        version = os.path.join(directory, str(next_number(os.listdir(directory), int(time.time()))))
        try:
            # It fails if another process has just added a version of this number.
            os.rename(folder, version)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR) or not os.path.lexists(version):
                raise
        else:
            return version


def _remove_abandoned(directory: str) -> None:
    """Removes what killed processes have left."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        with suppress(OSError):
            if _UNFINISHED.fullmatch(name) and time.time() - os.stat(path).st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(path)
