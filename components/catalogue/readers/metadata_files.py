"""Where the metadata files of Hugging Face's ``imagefolder`` lie, and which columns they have."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Iterable, Iterator
from itertools import islice

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.delimited import CsvReader
from diptych.components.catalogue.readers.jsonlines import parse_object
from diptych.components.catalogue.readers.row_files import is_hidden
from diptych.components.catalogue.readers.rows import CatalogueError, catalogue_errors
from diptych.components.catalogue.readers.text_files import Lines, open_text
from diptych.components.catalogue.storage import is_file, is_remote, join, list_files, walk_files

#: Names of metadata files.
METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")

# One listing of a store for each.
_NEAR = ("metadata.*", "*/metadata.*")
_FILE = "file_name"
_FILES = "file_names"
# Lines of JSON Lines that are searched for columns: one line may lack some.
_FIRST_LINES = 64


def has_metadata(folder: str, data: DataOptions) -> bool:
    """Whether there are metadata files in a folder itself or in one of its folders; nothing deeper is listed.

    Raises:
        OSError: the folder cannot be listed.
    """
    return any(_list_metadata(folder, place, data) for place in _NEAR)


def has_inner_metadata(folder: str, data: DataOptions) -> bool:
    """Whether there are metadata files that name images, at any depth below a folder.

    Raises:
        CatalogueError: one of them cannot be read.
        OSError: the folder cannot be listed.
    """
    return any(image_columns(column_names(source, data)) for source in find_metadata(folder, data))


def find_metadata(folder: str, data: DataOptions) -> list[str]:
    """URIs of the metadata files at any depth below a folder, sorted; hidden folders are left out.

    Raises:
        OSError: the folder cannot be listed.
    """
    if is_remote(folder):
        return sorted(uri for uri in walk_files(folder, data.fetch) if _is_metadata(uri.removeprefix(folder)))
    # Links to folders are followed at one level, so that no circle is walked.
    near = {uri for place in _NEAR for uri in _list_metadata(folder, place, data)}
    return sorted(near | set(_local_metadata(folder)))


def column_names(source: str, data: DataOptions) -> list[str]:
    """The columns that the start of a metadata file names; none if it is broken, which its reader will report.

    Raises:
        CatalogueError: there is no such file, or it may not be read.
    """
    with catalogue_errors(source):
        if source.endswith(".parquet"):
            return _parquet_names(source, data)
        with open_text(source, data) as text:
            if source.endswith(".jsonl"):
                lines = islice(filter(str.strip, text), _FIRST_LINES)
                return sorted({name for line in lines for name in parse_object(line)[0]})
            try:
                return CsvReader().layout(Lines(text, source, data), data, source).names
            except CatalogueError:
                return []


def image_columns(names: Iterable[str]) -> list[str]:
    """Those of the columns that name image files, as ``file_name`` and ``photo_file_name`` do."""
    return [name for name in names if name in (_FILE, _FILES) or name.endswith((f"_{_FILE}", f"_{_FILES}"))]


def _is_metadata(path: str) -> bool:
    *folders, name = path.strip("/").split("/")
    return name in METADATA_NAMES and not any(map(is_hidden, folders))


def _list_metadata(folder: str, place: str, data: DataOptions) -> list[str]:
    """The metadata files that a pattern below a folder matches."""
    found = list_files(join(glob.escape(folder), place), data.fetch)
    return [uri for uri in found if posixpath.basename(uri) in METADATA_NAMES]


def _local_metadata(root: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    for folder, inner, names in os.walk(os.path.abspath(root), onerror=refuse):
        inner[:] = [name for name in inner if not is_hidden(name)]
        yield from (os.path.join(folder, name) for name in METADATA_NAMES if name in names)


def _parquet_names(source: str, data: DataOptions) -> list[str]:
    from diptych.components.catalogue.readers import parquet_files

    try:
        return parquet_files.column_names(source, data)
    except CatalogueError:
        return []


def nearest_metadata(folder: str, inner: str, data: DataOptions) -> str:
    """The metadata file that lies nearest to a folder, in it or above it: a path relative to ``folder``.

    Args:
        folder: URI of a folder; where no file is found below it, the path is empty.
        inner: path of a folder below it; files are looked for from there upwards.
    """
    while inner and not inner.startswith((".", "/")):
        for name in METADATA_NAMES:
            if is_file(join(folder, posixpath.join(inner, name)), data.fetch):
                return posixpath.join(inner, name)
        inner = posixpath.dirname(inner)
    return ""
