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
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk, Row, counted, cut_chunks, make_row, reading
from diptych.components.catalogue.readers.sidecars import (
    FIELDS_ENDING,
    IMAGE_ENDINGS,
    TEXT_ENDING,
    PartError,
    fields_of,
    printable,
    read_below,
    text_of,
)
from diptych.components.catalogue.storage import is_remote, open_file, relative_path, walk_files, write_stream

# Image, which is empty where texts lie alone, and the texts beside it; paths relative to the folder.
_Entry = tuple[str, list[str]]


class FolderReader:
    """``<label>/x.jpg`` beside ``x.txt``, its description, or ``x.json``, an object whose keys are columns, or both.

    The label is the name of the first folder, however deep the image lies; what ``x.json`` says wins over folder and
    ``x.txt``. An image directly in the catalogue's folder has no label but that of its ``x.json``. Images of one name
    and different endings share the texts. A text without an image is a row with a problem. Hidden files and files of
    other endings are no rows. Links to folders are not followed.

    Where each image and its texts lie is written to ``spool``, a line for each row, and the chunks are its ranges: the
    texts are read by who reads the chunk.
    """

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``.

        Raises:
            CatalogueError: there is no such folder, a part of it may not be read or is a link that leads out of it.
        """
        with reading(source):
            whole = Chunk(source_index, 1, 0, source, 0, 0, spool)
            with write_stream(spool) as file:
                chunks = list(cut_chunks(whole, _write_lines(_entries(source, data), file)))
        yield from chunks

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        with reading(chunk.source), open_file(chunk.spool, data.fetch) as file:
            file.seek(chunk.start)
            entries = (json.loads(line) for line in islice(file, chunk.rows))
            numbered = enumerate(entries, start=chunk.first_row)
            row = partial(_row, root=chunk.source, data=data)
            yield from counted(_map(row, numbered, data, chunk.source), chunk)


def _write_lines(entries: Iterable[_Entry], file: BinaryIO) -> Iterator[int]:
    """Writes a line for each entry; yields where it ends."""
    position = 0
    for entry in entries:
        position += file.write(json.dumps(entry).encode() + b"\n")
        yield position


def _entries(root: str, data: DataOptions) -> Iterator[_Entry]:
    for folder, names in _remote_folders(root, data) if is_remote(root) else _local_folders(root):
        for _, same_stem in groupby(sorted(names, key=posixpath.splitext), lambda name: posixpath.splitext(name)[0]):
            paths = [posixpath.join(folder, name) for name in same_stem]
            images = [path for path in paths if _ending(path) in IMAGE_ENDINGS]
            texts = [path for path in paths if _ending(path) in (TEXT_ENDING, FIELDS_ENDING)]
            for image in images or [""] * bool(texts):
                yield image, texts


def _ending(path: str) -> str:
    return posixpath.splitext(path)[1].lower()


def _local_folders(root: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder, relative to the root, and the names of its files; a folder before those in it, which are sorted."""
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(root, folder)) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
        yield folder, [entry.name for entry in entries if not _is_folder(entry, root)]
        inner = (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        pending += [posixpath.join(folder, name) for name in sorted(inner, reverse=True)]


def _is_folder(entry: os.DirEntry[str], root: str) -> bool:
    """Whether it is a folder, or a link to one inside the root, where its images are found anyway."""
    if not entry.is_symlink():
        return entry.is_dir()
    if not os.path.isdir(entry.path):
        return False
    if not os.path.join(os.path.realpath(entry.path), "").startswith(os.path.join(os.path.realpath(root), "")):
        # How many rows are lost with it cannot be told.
        raise CatalogueError(
            f"data.catalogue: '{printable(entry.path)}' is a link that leads out of the catalogue's folder; "
            "put the folder itself there"
        )
    return True


def _remote_folders(root: str, data: DataOptions) -> Iterator[tuple[str, list[str]]]:
    """As ``_local_folders``."""
    paths = [relative_path(uri, root).split("/") for uri in walk_files(root, data.fetch)]
    shown = sorted((path[:-1], path[-1]) for path in paths if not any(part.startswith(".") for part in path))
    for folder, files in groupby(shown, lambda pair: pair[0]):
        yield "/".join(folder), [name for _, name in files]


def _map(
    read: Callable[[tuple[int, _Entry]], Row], entries: Iterator[tuple[int, _Entry]], data: DataOptions, root: str
) -> Iterator[Row]:
    """``map``, which of a remote folder does many at a time."""
    if not is_remote(root):
        yield from map(read, entries)
        return
    with ThreadPoolExecutor(data.fetch.concurrency) as threads:
        while batch := list(islice(entries, 4 * data.fetch.concurrency)):
            yield from threads.map(read, batch)


def _row(numbered: tuple[int, _Entry], root: str, data: DataOptions) -> Row:
    number, (image, texts) = numbered
    columns = data.columns
    if not image:
        text = printable(texts[0])
        return Row(number, id=text, problem=("missing_file", f"no image lies beside '{text}'"))
    values: dict[str, Any] = {columns.label: image.partition("/")[0]} if "/" in image else {}
    problem = None
    try:
        for text in sorted(texts, key=_ending, reverse=True):
            values |= _values(text, read_below(root, text, data), data)
    except PartError as error:
        problem = error.problem
    row = make_row(number, {**values, columns.image: image}, data)
    shown = printable(image)
    return replace(row, id=row.id or shown, image=shown, problem=row.problem or problem)


def _values(name: str, content: bytes, data: DataOptions) -> dict[str, Any]:
    if _ending(name) == FIELDS_ENDING:
        return fields_of(content, name)
    return {data.columns.description: text_of(content, name, data)}
