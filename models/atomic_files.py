"""Files that are written as a whole or not at all: a run that is killed leaves no half-written one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4


@contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """Gives a temporary path to write to; the file there replaces ``path`` when the block ends without an error.

    After an error the temporary file is removed, and a file that was under ``path`` before is unchanged.

    Raises:
        OSError: the file cannot be written; the error names ``path``.
    """
    # A link stays one: the file that it leads to is replaced.
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    # A name that begins with a dot is matched by no pattern of files; in the same folder the file can be renamed.
    temporary = os.path.join(folder, f".{name[:50]}.{uuid4().hex}.part")
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        # Python names no file where a write fails after the file was opened.
        if error.errno is not None and error.filename in (None, temporary):
            error.filename = path
            # Where it is None, it is printed.
            del error.filename2
        raise
    finally:
        with suppress(OSError):
            os.remove(temporary)


def write_text(path: str, text: str, errors: str = "strict") -> None:
    """Writes a UTF-8 text file, which is on the disk when the function returns.

    Args:
        errors: what happens to characters that UTF-8 cannot hold, as in ``open``.

    Raises:
        OSError: the file cannot be written; the error names ``path``.
    """
    with atomic_path(path) as temporary:
        with open(temporary, "w", encoding="utf-8", errors=errors) as file:
            file.write(text)
        # Else a machine that loses its power may keep the name of a file without its content.
        sync(temporary)


def sync(path: str) -> None:
    """Brings the content of a file, or the names in a folder, to the disk.

    Raises:
        OSError: it cannot be read or written; the error names ``path``.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems keep the names in a folder in their own way.
        if error.errno not in (errno.EBADF, errno.EINVAL) or not os.path.isdir(path):
            error.filename = path
            raise
    finally:
        os.close(descriptor)


def sync_folder(folder: str) -> None:
    """Brings a folder with all that lies in it to the disk.

    Raises:
        OSError: as ``sync``.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            (sync_folder if entry.is_dir() else sync)(entry.path)
    sync(folder)
