"""Spools: files of one JSON line for each row, which a reader writes so that workers can start at any line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.bounds import open_spool
from diptych.components.catalogue.readers.rows import (
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_row_count,
    cut_chunks,
    make_row,
)
from diptych.components.catalogue.readers.text_files import open_lines


def write_spool(spool: str, source: str, data: DataOptions, rows: Iterable[tuple[RawValues, str | None]]) -> None:
    """Writes rows of a source to a spool.

    Args:
        rows: for each row its JSON values by column, and why it is malformed, or None if it is not.

    Raises:
        CatalogueError: the spool is too large.
    """
    with open_spool(spool, source, data) as file:
        for row in rows:
            file.write(_to_line(row).encode() + b"\n")


def cut_spool(source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
    """Cuts the spool of a source into chunks, which are ranges of its bytes."""
    with catalogue_errors(source), open_lines(spool, source, data) as lines:
        yield from cut_chunks(Chunk(source_index, 1, 0, source, 0, 0, spool), (lines.position for _ in lines))


def read_spool(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    """Yields the rows of a chunk of a spool."""
    return check_row_count(_rows(chunk, data), chunk)


def _to_line(row: tuple[Any, Any]) -> str:
    try:
        return json.dumps(row)
    except RecursionError:
        return json.dumps(({}, "values are nested too deeply"))


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    with catalogue_errors(chunk.source), open_lines(chunk.spool, chunk.source, data, chunk.start, chunk.stop) as lines:
        for number, line in enumerate(lines, start=chunk.first_row):
            values, problem = json.loads(line)
            row = make_row(number, values, data)
            yield Row(number, row.id, row.image, problem=("malformed_row", problem)) if problem else row
