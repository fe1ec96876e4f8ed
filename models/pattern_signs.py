"""Local paths that TFX, Beam or TensorFlow would take for a pattern of file names, and links by which they are reached.

Of a folder ``run[1]`` they would read the files of ``run1``, and Beam's sinks would delete them. There is no way to
quote the signs that all of them know.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from diptych.models.errors import DiptychError

# A backslash takes the meaning from the sign after it.
_SIGNS = re.compile(r"[*?\[\\]")


class TemporaryFolderError(DiptychError):
    """The path of the folder for temporary files has a sign of patterns."""


@contextmanager
def plain_paths(paths: Iterable[str]) -> Iterator[dict[str, str]]:
    """Makes a link, whose path has no sign of patterns, to each path that has one; at the end of the block they go.

    Args:
        paths: local paths, and URIs of stores, which get no link.

    Yields:
        The paths that got a link, each with the path of its link; empty where no path has a sign.

    Raises:
        TemporaryFolderError: the folder for temporary files, where the links are made, has a sign too.
    """
    signed = sorted({path for path in paths if "://" not in path and _SIGNS.search(path)})
    if not signed:
        yield {}
        return
    if sign := _SIGNS.search(tempfile.gettempdir()):
        raise TemporaryFolderError(
            f"'{signed[0]}' and the folder for temporary files, '{tempfile.gettempdir()}', have signs of patterns such "
            f"as '{sign[0]}': set TMPDIR to a folder without any of * ? [ \\"
        )
    with tempfile.TemporaryDirectory(prefix="diptych-links-") as folder:
        links = {path: os.path.join(folder, str(number)) for number, path in enumerate(signed)}
        for path, link in links.items():
            os.symlink(os.path.abspath(path), link)
        yield links


def load_saved_model(folder: str) -> Any:
    """``tf.saved_model.load``, which searches for the variables by a pattern made of the folder's path.

    Raises:
        OSError: there is no SavedModel.
    """
    import tensorflow as tf

    with plain_paths([folder]) as links:
        return tf.saved_model.load(links.get(folder, folder))
