"""Reads a catalogue as ingestion does: cut into chunks, each of which is read by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Chunk, Reader, Row


def rows_through(reader: Reader, path: Path, **options: Any) -> list[Row]:
    """The rows of a source, of whose chunks the numbers and counts have been seen to be right."""
    data = DataOptions(catalogue=str(path), **options)
    rows: list[Row] = []
    for chunk in chunks_through(reader, path, **options):
        assert chunk.first_row == len(rows) + 1
        # Workers read them in any order, and none has what another has read.
        found = list(type(reader)().read(chunk, data))
        assert len(found) == chunk.rows > 0
        rows += found
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return rows


def chunks_through(reader: Reader, path: Path, **options: Any) -> list[Chunk]:
    """The chunks of a source, spooled beside it."""
    spool = path.with_name(f"{path.name}.spool")
    return list(reader.cut(str(path), 3, DataOptions(catalogue=str(path), **options), str(spool)))
