"""Rows that their reader has written to a spool, one line each, for workers to read from any line on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Chunk, Row, counted, cut_chunks, make_row, reading
from diptych.components.catalogue.readers.text_lines import open_lines
from diptych.components.catalogue.storage import write_stream


def write_spool(spool: str, rows: Iterable[tuple[Mapping[str, Any], str | None]]) -> None:
    """Writes rows: column name to JSON value, and why the row is malformed, if it is."""
    with write_stream(spool) as file:
        for row in rows:
            file.write(_line(row).encode() + b"\n")


def cut_spool(source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
    """Cuts the spool of a source into chunks, which are ranges of its bytes."""
    with reading(source), open_lines(spool, data.fetch) as lines:
        yield from cut_chunks(Chunk(source_index, 1, 0, source, 0, 0, spool), (lines.position for _ in lines))


def read_spool(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    """The rows of a chunk of a spool."""
    return counted(_rows(chunk, data), chunk)


def _line(row: tuple[Mapping[str, Any], str | None]) -> str:
    try:
        return json.dumps(row)
    except RecursionError:
        return json.dumps(({}, "values are nested too deeply"))


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    with reading(chunk.source), open_lines(chunk.spool, data.fetch, chunk.start, chunk.stop) as lines:
        for number, line in enumerate(lines, start=chunk.first_row):
            values, problem = json.loads(line)
            row = make_row(number, values, data)
            yield Row(number, row.id, row.image, problem=("malformed_row", problem)) if problem else row
