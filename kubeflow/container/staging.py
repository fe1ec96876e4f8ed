"""Brings the catalogue and its images, which are no artifacts, to a step's container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
    if task.is_remote:
        yield catalogue_in_place(task, catalogue)
        return
    if task.is_native(catalogue):
        folder = static_folder(catalogue)
        if store.split_uri(catalogue) is None:
            _check_mounted(folder)
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


def catalogue_in_place(task: Task, catalogue: str) -> str:
    """The catalogue where it is, for a step that reads a part of it: nothing is copied.

    Args:
        catalogue: as for ``staged_catalogue``.

    Raises:
        StepError: it is a path at which there is nothing.
        StoreError: the store does not say whether it is a folder.
    """
    from diptych.components.catalogue.remote import is_web
    from diptych.components.catalogue.spans import static_folder

    if is_web(catalogue):
        return catalogue
    folder = static_folder(catalogue)
    if store.split_uri(catalogue) is None:
        _check_mounted(folder)
        return catalogue
    task.map_path(store.mounted_path(folder), folder)
    place = store.mounted_path(catalogue)
    # Names of files begin below a folder, as in a copy of it.
    return place.rstrip("/") + "/" if store.is_folder(catalogue) else place


def _check_mounted(folder: str) -> None:
    if not os.path.exists(folder):
        raise StepError(f"there is no '{folder}' in the step's container: name the catalogue by a URI, or mount it")


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
