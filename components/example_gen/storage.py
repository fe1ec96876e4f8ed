"""Files, local or in an object store, read only below a root."""

from __future__ import annotations

import os
import posixpath
from typing import IO, Any, cast


class OutsideRootError(ValueError):
    """A path of the catalogue points outside the images' root."""


def is_remote(uri: str) -> bool:
    """Whether the URI has a scheme, as ``gs://bucket/file`` has."""
    return "://" in uri


def open_file(uri: str, mode: str = "rb") -> IO[Any]:
    """Opens a local path with Python, anything else with TensorFlow's file systems.

    Local files need no TensorFlow, which takes seconds to import.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
    """
    if not is_remote(uri):
        return open(uri, mode)
    import tensorflow as tf

    if not tf.io.gfile.exists(uri):
        raise FileNotFoundError(uri)
    return cast(IO[Any], tf.io.gfile.GFile(uri, mode))


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
