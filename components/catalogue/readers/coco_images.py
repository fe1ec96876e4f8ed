"""Where the images of a COCO document lie: beside it, or in a folder that COCO's tools use."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.kinds import images_root
from diptych.components.catalogue.storage import is_file, join

# Of COCO itself; of FiftyOne; of labelme2coco and Pascal VOC.
_FOLDERS = ("images", "data", "JPEGImages")


def find_images_folder(names: Iterable[Any], source: str, data: DataOptions) -> str:
    """The folder below that of the images, with a slash at its end, in which files lie; empty if there is none such.

    Args:
        names: some values of ``file_name``.

    Raises:
        FetchError: the store does not answer.
    """
    texts = [name for name in names if isinstance(name, str) and name]
    root = images_root(source, data)
    for folder in _candidates(source):
        if any(_exists(join(root, folder + name), data) for name in texts):
            return folder
    return ""


def _candidates(source: str) -> Iterator[str]:
    """Folders in the order in which they are tried: those named like the document come first."""
    stem = posixpath.splitext(posixpath.basename(source))[0]
    # train2017 of instances_train2017.json
    named = [name for name in (stem.partition("_")[2], stem) if name]
    yield ""
    yield from (f"{place}{name}/" for name in named for place in ("", "images/"))
    yield from (f"{folder}/" for folder in _FOLDERS)


def _exists(uri: str, data: DataOptions) -> bool:
    try:
        return is_file(uri, data.fetch)
    except PermissionError:
        # What may be read but not listed is refused where there is nothing.
        return False
