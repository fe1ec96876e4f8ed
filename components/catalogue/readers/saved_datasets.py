"""Folders that Hugging Face's ``save_to_disk`` wrote: which of their Arrow files are the dataset."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.storage import folder_of, is_file, join, read_file

_STATE_FILE = "state.json"
_MAX_STATE_BYTES = 10_000_000


def without_caches(files: Iterable[str], data: DataOptions) -> list[str]:
    """Those of the Arrow files that are data; in the folder of a dataset lie its caches, too.

    Raises:
        CatalogueError: a dataset's rows are a selection of those in its files, as old versions wrote them.
    """
    files = list(files)
    known = {folder: _data_files(folder, data) for folder in dict.fromkeys(map(folder_of, files))}
    found = []
    for file in files:
        names = known[folder_of(file)]
        if names is None or posixpath.basename(file) in names:
            found.append(file)
    return found


def _data_files(folder: str, data: DataOptions) -> set[str] | None:
    """The names of a dataset's files; None if no dataset was saved there."""
    path = join(folder, _STATE_FILE)
    if not is_file(path, data.fetch):
        return None
    try:
        state = json.loads(read_file(path, data.fetch, _MAX_STATE_BYTES))
        names = {str(entry["filename"]) for entry in state["_data_files"]}
    except (ValueError, KeyError, TypeError):
        raise CatalogueError(f"data.catalogue: '{path}' is not what save_to_disk writes") from None
    if state.get("_indices_data_files"):
        raise CatalogueError(
            f"data.catalogue: the dataset in '{folder}' is a selection of the rows in its files; save it anew by "
            "flatten_indices() and save_to_disk()"
        )
    return names
