"""A folder of class folders, whose images have their texts in files beside them."""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import groupby, islice
from typing import Any, BinaryIO

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.nested import flatten
from diptych.components.catalogue.readers.row_files import (
    FIELDS_EXTENSION,
    TEXT_EXTENSION,
    is_hidden,
    is_image_name,
    parse_fields,
    parse_text,
    read_row_file,
)
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_row_count,
    cut_chunks,
    make_row,
)
from diptych.components.catalogue.reasons import RowError, printable
from diptych.components.catalogue.samples import SAMPLED_ROWS, spread
from diptych.components.catalogue.split_names import words_of_name
from diptych.components.catalogue.storage import is_remote, open_file, relative_path, walk_files, write_stream

# Names, in lower case and without ending, of files about the whole catalogue.
_DOCUMENTS = frozenset(
    {"about", "attribution", "changelog", "citation", "classes", "class_names", "classnames", "copying", "credits"}
    | {"dataset_info", "info", "labels", "licence", "license", "metadata", "names", "notes", "notice", "readme"}
)
# Words in the names of such files.
_DOCUMENT_WORDS = frozenset({"licence", "license", "readme"})
# The path of an image, and those of the files beside it; a file without an image has an empty path in its place. Paths
# are relative to the catalogue's folder.
_Entry = tuple[str, list[str]]


class FolderReader:
    """Reads images ``<label>/x.jpg`` with ``x.txt``, the description, or ``x.json``, an object of columns, beside them.

    The label is the name of the folder that ``data.class_folder`` says, by default the first one, however deep the
    image lies. ``x.json`` wins over the folder's name and ``x.txt``; it alone can hold one-hot columns. An image
    directly in the catalogue's folder has a label only if ``x.json`` gives one. Images of one name and different
    extensions share the files beside them. Such a file without an image is a row with a problem, unless its
    name says that it is about the whole catalogue, as ``README.txt`` and ``classes.txt`` do. Hidden files and files of
    other extensions are no rows. Links to folders are not followed.

    The paths of each image and the files beside it are written to ``spool``, one line for each row. Chunks are ranges
    of these lines; the files themselves are opened when a chunk is read.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; the rows are spread over the folder, and have the keys of their ``x.json`` too."""
        for image, texts in spread(_entries(source, data), SAMPLED_ROWS):
            values, problem = _entry_values(image, texts, source, data)
            if image and not problem:
                yield flatten(values)

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``.

        Raises:
            CatalogueError: there is no such folder, a part of it may not be read or is a link that leads out of it.
        """
        with catalogue_errors(source):
            whole = Chunk(source_index, 1, 0, source, 0, 0, spool)
            with write_stream(spool) as file:
                chunks = list(cut_chunks(whole, _write_lines(_entries(source, data), file)))
        yield from chunks

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        with catalogue_errors(chunk.source), open_file(chunk.spool, data.fetch) as file:
            file.seek(chunk.start)
            entries = (json.loads(line) for line in islice(file, chunk.rows))
            numbered = enumerate(entries, start=chunk.first_row)
            row = partial(_row, root=chunk.source, data=data)
            yield from check_row_count(_map_entries(row, numbered, data, chunk.source), chunk)


def _write_lines(entries: Iterable[_Entry], file: BinaryIO) -> Iterator[int]:
    """Writes a line for each entry; yields the byte at which it ends."""
    position = 0
    for entry in entries:
        position += file.write(json.dumps(entry).encode() + b"\n")
        yield position


def _entries(root: str, data: DataOptions) -> Iterator[_Entry]:
    for folder, names in _remote_folders(root, data) if is_remote(root) else _local_folders(root):
        for _, same_stem in groupby(sorted(names, key=posixpath.splitext), lambda name: posixpath.splitext(name)[0]):
            paths = [posixpath.join(folder, name) for name in same_stem]
            images = [path for path in paths if is_image_name(path)]
            texts = [path for path in paths if _extension(path) in (TEXT_EXTENSION, FIELDS_EXTENSION)]
            for image in images or [""] * (bool(texts) and not _is_document(paths[0])):
                yield image, texts


def _is_document(path: str) -> bool:
    """Whether a file without an image is about the whole catalogue, by its name."""
    stem = posixpath.splitext(posixpath.basename(path))[0].lower()
    return stem in _DOCUMENTS or not _DOCUMENT_WORDS.isdisjoint(words_of_name(stem))


def _extension(path: str) -> str:
    return posixpath.splitext(path)[1].lower()


def _local_folders(root: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder, relative to the root, with the names of its files; in the order of their paths."""
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(root, folder)) as found:
            entries = [entry for entry in found if not is_hidden(entry.name)]
        yield folder, [entry.name for entry in entries if not _is_folder(entry, root)]
        inner = (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        pending += [posixpath.join(folder, name) for name in sorted(inner, reverse=True)]


def _is_folder(entry: os.DirEntry[str], root: str) -> bool:
    """Whether it is a folder, or a link to a folder inside the root, whose images are found without it."""
    if not entry.is_symlink():
        return entry.is_dir()
    if not os.path.isdir(entry.path):
        return False
    check_link(entry.path, root)
    return True


def check_link(path: str, root: str) -> None:
    """Checks that a link to a folder stays inside the catalogue's folder.

    Raises:
        CatalogueError: it does not. It is not skipped, because nobody could tell how many rows would be lost.
    """
    if not os.path.join(os.path.realpath(path), "").startswith(os.path.join(os.path.realpath(root), "")):
        raise CatalogueError(
            f"data.catalogue: '{printable(path)}' is a link that leads out of the catalogue's folder; "
            "put the folder itself there"
        )


def _remote_folders(root: str, data: DataOptions) -> Iterator[tuple[str, list[str]]]:
    """As ``_local_folders``."""
    paths = [relative_path(uri, root).split("/") for uri in walk_files(root, data.fetch)]
    shown = sorted((path[:-1], path[-1]) for path in paths if not any(map(is_hidden, path)))
    for folder, files in groupby(shown, lambda pair: pair[0]):
        yield "/".join(folder), [name for _, name in files]


def _map_entries(
    read: Callable[[tuple[int, _Entry]], Row], entries: Iterator[tuple[int, _Entry]], data: DataOptions, root: str
) -> Iterator[Row]:
    """As ``map``; many files of a remote folder are read at a time."""
    if not is_remote(root):
        yield from map(read, entries)
        return
    with ThreadPoolExecutor(data.fetch.concurrency) as threads:
        while batch := list(islice(entries, 4 * data.fetch.concurrency)):
            yield from threads.map(read, batch)


def _row(numbered: tuple[int, _Entry], root: str, data: DataOptions) -> Row:
    number, (image, texts) = numbered
    if not image:
        text = printable(texts[0])
        return Row(number, id=text, problem=("missing_file", f"no image lies beside '{text}'"))
    values, problem = _entry_values(image, texts, root, data)
    row = make_row(number, values, data)
    shown = printable(image)
    return replace(row, id=row.id or shown, image=shown, problem=row.problem or problem)


def _entry_values(
    image: str, texts: list[str], root: str, data: DataOptions
) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """The values of a row by column, and reason and detail if a file beside the image cannot be used."""
    columns, problem = data.columns, None
    label = folder_label(image, data)
    values: dict[str, Any] = {} if label is None else {str(columns.label): label}
    try:
        for text in sorted(texts, key=_extension, reverse=True):
            values |= _values(text, read_row_file(root, text, data), data)
    except RowError as error:
        problem = error.problem
    return {**values, columns.image: image}, problem


def folder_label(image: str, data: DataOptions) -> str | None:
    """The label that the folders of an image's path give it; None for an image in the catalogue's own folder."""
    folders = image.split("/")[:-1]
    if not folders or not isinstance(data.columns.label, str):
        return None
    return {"top": folders[0], "leaf": folders[-1], "path": "/".join(folders)}[data.class_folder]


def _values(name: str, content: bytes, data: DataOptions) -> dict[str, Any]:
    if _extension(name) == FIELDS_EXTENSION:
        return parse_fields(content, name, data)
    return {data.columns.description: parse_text(content, name, data)} if data.columns.description else {}
