"""What lies in folders of this machine, looked at in part where they are large."""

from __future__ import annotations

import os
import posixpath
from collections import deque
from collections.abc import Iterable, Iterator

from diptych.components.catalogue.readers.row_files import is_hidden
from diptych.components.catalogue.reasons import printable


def walk_files(root: str, folders: Iterable[str], max_entries: int) -> Iterator[tuple[str, list[str]]]:
    """Folders and those below them, each with the names of its files, sorted; none that a link leads to.

    Args:
        root: that paths of folders are relative to.
        folders: where to begin; an empty path is the root.
        max_entries: after so many entries of folders the rest is left out.
    """
    left = max_entries
    # Level by level, so that no deep folder uses up the entries.
    pending = deque(sorted(folders))
    while pending and left > 0:
        folder = pending.popleft()
        entries = list_entries(os.path.join(root, folder))[:left]
        left -= len(entries)
        yield folder, [entry.name for entry in entries if entry.is_file()]
        pending += [posixpath.join(folder, entry.name) for entry in entries if entry.is_dir(follow_symlinks=False)]


def list_entries(folder: str) -> list[os.DirEntry[str]]:
    """What lies in a folder, in the order of the names, without what is hidden or has no name in UTF-8.

    A folder that may not be listed is empty: a run could read nothing of it.
    """
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not is_hidden(entry.name) and entry.name == printable(entry.name)]
    except OSError:
        return []
    return sorted(shown, key=lambda entry: entry.name)
