"""What the operating system says about a person's files and ports, in a sentence with a remedy."""

from __future__ import annotations

import errno
import os
import sys

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


def explain_os_error(error: OSError) -> str | None:
    """The path, what is wrong with it, and what to do; None where the cause is none that a person can mend.

    Files of Python and of installed packages are not a person's: what is wrong with them is a bug, or a broken
    installation.
    """
    path = os.fspath(error.filename) if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    text = os.fsdecode(path)
    if error.errno not in _REMEDIES or text.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep)):
        return None
    subject = f"'{text}': " if text else ""
    return f"{subject}{(error.strerror or str(error)).lower()}; {_REMEDIES[error.errno]}"
