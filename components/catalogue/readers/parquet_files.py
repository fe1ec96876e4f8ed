"""Opens Parquet files for another process, and asks it for their columns."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import parquet_process
from diptych.components.catalogue.readers.arrow_files import open_isolated
from diptych.components.catalogue.readers.isolated_reading import Form, IsolatedFile
from diptych.components.catalogue.readers.rows import too_large

# The length of the metadata, and the mark of the format, at the end of a file.
_FOOTER = struct.Struct("<I4s")
_FORM = Form("Parquet", "its pages take more; write it with smaller ones", "write or copy it anew")


def column_names(source: str, data: DataOptions) -> list[str]:
    """The names of the columns of a Parquet file.

    Raises:
        CatalogueError: it is broken.
        OSError: it cannot be read.
    """
    with open_parquet(source, source, data) as file:
        return list(describe_parquet(file)[0].names)


@contextmanager
def open_parquet(source: str, uri: str, data: DataOptions) -> Iterator[IsolatedFile]:
    """Opens a source, or the copy of it that a URI names, for another process.

    Raises:
        CatalogueError: at any time in the block: it is broken.
        OSError: it cannot be read.
    """
    with open_isolated(source, uri, data, _FORM) as opened:
        _check_footer(opened)
        yield opened


def _check_footer(opened: IsolatedFile) -> None:
    """Checks the length of the metadata at the file's end, before pyarrow reads them."""
    file, data = opened.file, opened.data
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _FOOTER.size))
    tail = file.read(_FOOTER.size)
    if len(tail) == _FOOTER.size and (length := _FOOTER.unpack(tail)[0]) > data.limits.row_characters:
        raise too_large(opened.source, f"its metadata have {length / 1e6:,.0f} MB", data)


def describe_parquet(file: IsolatedFile) -> tuple[pa.Schema, list[int]]:
    """The schema, and the row groups' numbers of rows."""
    schema, sizes = file.read(parquet_process.describe)
    return pa.ipc.read_schema(pa.py_buffer(schema)), json.loads(sizes)
