"""Files that are written as a whole or not at all: a run that is killed leaves no half-written one."""

from __future__ import annotations

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
        if error.filename == temporary:
            error.filename = path
            error.filename2 = None
        raise
    finally:
        with suppress(OSError):
            os.remove(temporary)


def write_text(path: str, text: str, errors: str = "strict") -> None:
    """Writes a UTF-8 text file.

    Args:
        errors: what happens to characters that UTF-8 cannot hold, as in ``open``.

    Raises:
        OSError: the file cannot be written; the error names ``path``.
    """
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", errors=errors) as file:
        file.write(text)
