"""Brings what a step reads outside of its artifacts to its container, and takes away what it writes there.

These are the catalogue with its images, the last blessed model, the last accepted statistics, and a model that is
pushed. Each function is a context manager: at the end of its block the copies are removed.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.container.task import StepError, Task


@contextmanager
def staged_catalogue(task: Task, catalogue: str) -> Iterator[str]:
    """The catalogue as the container reaches it: where it is, or in a copy of its folder.

    Args:
        catalogue: URI or path of a file, a folder or a pattern.

    Raises:
        StepError: it is a path at which there is nothing, or in a store that only steps with mirrors reach.
        StoreError: it cannot be read.
    """
    from diptych.components.catalogue.remote import is_web
    from diptych.components.catalogue.spans import static_folder

    if is_web(catalogue):
        yield catalogue
        return
    if task.is_native(catalogue):
        folder = static_folder(catalogue)
        if store.split_uri(catalogue) is None and not os.path.exists(folder):
            raise StepError(f"there is no '{folder}' in the step's container: name the catalogue by a URI, or mount it")
        yield catalogue
        return
    if not task.is_mirrored:
        raise StepError(f"'{catalogue}': here a catalogue is read at gs:// or https:// only")
    is_folder = store.is_folder(catalogue)
    folder = catalogue.rstrip("/") if is_folder else static_folder(catalogue)
    with store.local_copy(folder) as local:
        task.map_path(local, folder)
        # With a slash at its end, the folder is where names of files begin, and they do not hold the copy's place.
        yield os.path.join(local, "" if is_folder else catalogue[len(folder) :].lstrip("/"))


def with_local_images(task: Task, data_options: dict[str, Any]) -> dict[str, Any]:
    """The fields of DataOptions, with the images' root as the container reaches it."""
    from diptych.components.catalogue.remote import is_web

    root = data_options.get("images_root")
    if not root or is_web(root):
        return data_options
    path = store.mounted_path(root)
    if path != root:
        task.map_path(path, root)
    return {**data_options, "images_root": path}


@contextmanager
def staged_push_directory(task: Task, subfolder: str = "", with_newest: bool = True) -> Iterator[None]:
    """Puts a scratch folder in the place of the push directory while the executor runs.

    The parameter ``push_directory`` becomes the scratch folder. Versions, which are folders whose names are numbers,
    that the executor adds to the subfolder are uploaded if the block ends well. A directory that TensorFlow reaches
    itself is used where it is.

    Args:
        subfolder: of the push directory; the other ones are neither brought nor uploaded.
        with_newest: whether the newest version of the subfolder is brought.

    Raises:
        StoreError: the push directory cannot be read or written.
    """
    uri = task.parameters["push_directory"].string_value
    if task.is_native(uri):
        yield
        return
    with TemporaryDirectory() as scratch:
        task.map_path(scratch, uri)
        task.parameters["push_directory"].string_value = scratch
        source, folder = posixpath.join(uri, subfolder).rstrip("/"), os.path.join(scratch, subfolder)
        os.makedirs(folder, exist_ok=True)
        versions = [name for name in store.list_names(source) if name.isdecimal()] if with_newest else []
        if versions:
            newest = max(versions, key=int)
            store.download_folder(f"{source}/{newest}", os.path.join(folder, newest))
        brought = set(os.listdir(folder))
        yield
        for version in set(os.listdir(folder)) - brought:
            store.upload_folder(os.path.join(folder, version), f"{source}/{version}")
