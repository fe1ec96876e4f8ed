"""Rows with several images, each of which makes a row of its own, by ``data.paths.several: all``."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from dataclasses import replace

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Chunk, Reader, Row, check_row_count
from diptych.components.catalogue.spans import path_in_catalogue


def cut_source(reader: Reader, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
    """The chunks of a source, see ``Reader.cut``; their ``rows`` are as many as ``read_chunk`` gives.

    Where each image makes a row, the whole source is read to count them.
    """
    for chunk in reader.cut(source, source_index, data, spool):
        if data.paths.several == "all":
            images = sum(1 + len(row.further) for row in reader.read(chunk, data))
            yield replace(chunk, rows=images, source_rows=chunk.rows)
        else:
            yield chunk


def read_chunk(reader: Reader, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    """The rows of a chunk of ``cut_source``, see ``Reader.read``.

    Rows of the images of one row have its number, labels and text. They are one group, so that no split parts them.
    Without a column for the id, an image's path is its id; with one, the id ends with ``#1``, ``#2`` and so on.
    """
    if chunk.source_rows is None:
        return reader.read(chunk, data)
    rows = reader.read(replace(chunk, rows=chunk.source_rows, source_rows=None), data)
    folder = posixpath.dirname(path_in_catalogue(chunk.source, data.catalogue))
    return check_row_count((one for row in rows for one in _rows_of_images(row, folder, data)), chunk)


def _rows_of_images(row: Row, folder: str, data: DataOptions) -> Iterator[Row]:
    if not row.further:
        yield row
        return
    group = row.group or _group(row, folder)
    for number, one in enumerate((replace(row, further=()), *row.further), start=1):
        yield replace(one, id=f"{row.id}#{number}" if data.columns.id and row.id else one.id, group=group)


def _group(row: Row, folder: str) -> str:
    """What the images of a row have in common, and no others."""
    if not row.id:
        return hashlib.sha256(row.content or b"").hexdigest()
    # In another folder, another image may have the same path.
    return posixpath.join(folder, row.id) if row.id == row.image else row.id
