"""What the operating system says about a person's files and ports, in a sentence with a remedy.

It is said by Python as an ``OSError``, by native libraries as a text in an error of their own, and by Beam as a copy of
either that is a text too.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_DISK = "free some disk space, or name a place on another disk"
_PERMISSION = "change its permissions, or name another place"
_REMEDIES = {
    errno.EACCES: _PERMISSION,
    errno.EADDRINUSE: "end what uses it, or name another port",
    errno.EDQUOT: _DISK,
    errno.EFBIG: "raise the limit on the size of files with 'ulimit -f', or name a place on another disk",
    errno.EEXIST: "remove it, or name another place",
    errno.EIO: "the disk may be broken: name a place on another disk",
    errno.EISDIR: "it is a folder: name a file",
    errno.ELOOP: "its links lead in a circle: name what they should lead to",
    errno.EMFILE: "raise the limit of open files with 'ulimit -n'",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.ENFILE: "too many files are open on this machine: end other programs",
    errno.ENOENT: "check how it is written",
    errno.ENOMEM: "end other programs, or use smaller images or batches",
    errno.ENOSPC: _DISK,
    errno.ENOTDIR: "a part of the path is a file: name another place",
    errno.ENOTEMPTY: "empty it, or name another place",
    errno.EPERM: _PERMISSION,
    errno.EROFS: "it cannot be written: name another place",
    errno.ETXTBSY: "end the program that runs it",
}
# Of these a text can tell: that a file is missing may as well be a bug.
_IN_TEXTS = (errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS)
_TEXTS = {os.strerror(number): number for number in _IN_TEXTS} | {
    # https://www.sqlite.org/rescode.html: FULL, READONLY, IOERR, CANTOPEN, CORRUPT: a page that could not be read.
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "disk I/O error": errno.EIO,
    "unable to open database file": errno.EACCES,
    "database disk image is malformed": errno.EIO,
}
# TensorFlow names the file before the cause, Python after it.
_TEXT = re.compile(
    rf"(?:(?P<before>/[^;\n{{}}]+); )?(?P<cause>{'|'.join(map(re.escape, _TEXTS))})(?:: '(?P<after>[^'\n]+)')?"
)


def explain_os_error(error: BaseException) -> str | None:
    """The path, what is wrong with it, and what to do; None where the cause is none that a person can mend.

    Files of Python and of installed packages are not a person's: what is wrong with them is a bug, or a broken
    installation.
    """
    found = find_os_error(error)
    if found is None:
        return None
    path = _path_of(found)
    return f"'{path}': {explain_cause(found)}" if path else explain_cause(found)


def explain_cause(error: OSError) -> str:
    """What is wrong, and what to do if it is known, without the path; for errors that name the path themselves."""
    cause = error.strerror or str(error)
    cause = cause[:1].lower() + cause[1:]
    remedy = _REMEDIES.get(error.errno or 0, "")
    if cause.startswith("no usable temporary directory"):
        remedy = f"{_DISK} with the variable TMPDIR"
    elif remedy and _path_of(error).startswith(os.path.join(tempfile.gettempdir(), "")):
        remedy += "; temporary files lie where the variable TMPDIR says"
    return f"{cause}; {remedy}" if remedy else cause


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Lets an error name the path where Python names none: where a file is opened, but cannot be read or written."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = path
        raise


def find_os_error(error: BaseException) -> OSError | None:
    """What the operating system has said, if that is why an error was raised, and a person can mend it."""
    return next((found for each in _causes(error) if (found := _as_os_error(each)) and _is_of_person(found)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it was raised from, the last one first."""
    while error is not None:
        yield error
        error = error.__cause__


def _as_os_error(error: BaseException) -> OSError | None:
    if isinstance(error, OSError) and error.errno is not None:
        # The errors of Arrow and HDF5 are a paragraph, in which the number is again.
        return error if "errno" not in str(error.strerror) else OSError(error.errno, os.strerror(error.errno))
    if found := _TEXT.search(str(error)):
        number = _TEXTS[found["cause"]]
        return OSError(number, os.strerror(number), found["before"] or found["after"])
    return None


def _is_of_person(error: OSError) -> bool:
    installed = (sys.prefix + os.sep, sys.base_prefix + os.sep)
    return error.errno in _REMEDIES and not _path_of(error).startswith(installed)


def _path_of(error: OSError) -> str:
    """The path that an error names; empty if it names none."""
    return os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
