"""Reads a source as ingestion does: it is cut into chunks, each of which is read by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Chunk, Reader, Row


def read_source(reader: Reader, path: Path, **options: Any) -> list[Row]:
    """The rows of a source; checks that the numbers and counts of its chunks are right."""
    data = DataOptions(catalogue=str(path), **options)
    rows: list[Row] = []
    for chunk in cut_source(reader, path, **options):
        assert chunk.first_row == len(rows) + 1
        # Another reader reads it, because workers share nothing.
        found = list(type(reader)().read(chunk, data))
        assert len(found) == chunk.rows > 0
        rows += found
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return rows


def cut_source(reader: Reader, path: Path, **options: Any) -> list[Chunk]:
    """The chunks of a source, whose spool lies beside it."""
    spool = path.with_name(f"{path.name}.spool")
    return list(reader.cut(str(path), 3, DataOptions(catalogue=str(path), **options), str(spool)))
