"""Files, local or in an object store, read only below a root."""

from __future__ import annotations

import errno
import io
import os
import posixpath
import stat
from typing import BinaryIO


class OutsideRootError(ValueError):
    """A path of the catalogue points outside the images' root."""


def is_remote(uri: str) -> bool:
    """Whether the URI has a scheme, as ``gs://bucket/file`` has."""
    return "://" in uri


def open_file(uri: str) -> BinaryIO:
    """Opens a local path with Python, anything else with TensorFlow's file systems.

    Local files need no TensorFlow, which takes seconds to import.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read. A failing network is none: another try may succeed.
    """
    return _open_remote(uri) if is_remote(uri) else _open_local(uri)


def _open_local(path: str) -> BinaryIO:
    kind = os.stat(path).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        # Reading a pipe or a device may never end.
        raise OSError(errno.EINVAL, "Not a regular file", path)
    return open(path, "rb")


def _open_remote(uri: str) -> BinaryIO:
    import tensorflow as tf

    try:
        # GFile lacks half of what Python's readers ask of a file.
        return io.BytesIO(tf.io.gfile.GFile(uri, "rb").read())
    except tf.errors.NotFoundError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), uri) from None
    except (tf.errors.PermissionDeniedError, tf.errors.FailedPreconditionError) as error:
        raise OSError(errno.EACCES, error.message, uri) from None


def resolve_below(root: str, path: str) -> str:
    """The URI of a catalogue path, which stays inside the root.

    Raises:
        OutsideRootError: the path is absolute, has a scheme, or leaves the root by ``..`` or by a link.
    """
    if is_remote(path) or os.path.isabs(path):
        raise OutsideRootError(f"'{path}' is not relative to the images' root")
    if is_remote(root):
        normal = posixpath.normpath(path)
        if normal == ".." or normal.startswith("../"):
            raise OutsideRootError(f"'{path}' leaves the images' root")
        return posixpath.join(root, normal)
    real_root = os.path.realpath(root)
    real = os.path.realpath(os.path.join(real_root, path))
    if os.path.commonpath([real_root, real]) != real_root:
        raise OutsideRootError(f"'{path}' leaves the images' root")
    return real
