"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_columns,
    check_row_count,
    cut_chunks,
    make_row,
)
from diptych.components.catalogue.readers.text_files import Lines, open_lines, open_text, spool_text


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        # Python converts no number of more than some thousand digits; as a text it serves as well.
        return digits


#: Decodes JSON; NaN, which Python's encoder writes for a missing value, becomes None.
DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=lambda _: None)


class JsonLinesReader:
    """Reads lines of JSON objects, whose keys are the columns; blank lines are no rows. Chunks are ranges of bytes."""

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; a malformed line has no values."""
        with open_text(source, data) as text:
            yield from (parse_object(line)[0] for line in text if line.strip())

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``; a column is missing if no line has it."""
        spool = spool_text(source, data, spool)
        with catalogue_errors(source), open_lines(spool or source, data.fetch) as lines:
            whole = Chunk(source_index, 1, 0, source, lines.position, lines.position, spool)
            yield from cut_chunks(whole, _ends(lines, data, source))

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return check_row_count(_rows(chunk, data), chunk)


def parse_object(text: str) -> tuple[dict[str, Any], str | None]:
    """Parses a JSON object.

    Returns:
        The values by key, and None; or no values, and why the text is no JSON object.
    """
    try:
        return check_object(DECODER.decode(text))
    except json.JSONDecodeError as error:
        return {}, f"not JSON: {error.msg} at character {error.pos + 1}"
    except RecursionError:
        return {}, "not readable JSON: nested too deeply"


def check_object(value: Any) -> tuple[dict[str, Any], str | None]:
    """Checks that a parsed JSON value is an object; returns the same as ``parse_object``."""
    if not isinstance(value, dict):
        return {}, f"a JSON {type(value).__name__} where an object is needed"
    return value, None


def _ends(lines: Lines, data: DataOptions, source: str) -> Iterator[int]:
    """Where each row ends. Lines are parsed until every column has been seen: most often, the first is enough."""
    missing, seen, line = set(data.used_columns.values()), set[str](), None
    for line in filter(str.strip, lines):
        if missing:
            seen.update(parse_object(line)[0])
            missing -= seen
        yield lines.position
    if line is None:
        raise CatalogueError(f"data.catalogue: '{source}' is empty; it needs one JSON object per line")
    if missing:
        check_columns(sorted(seen), data, source)


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    uri = chunk.spool or chunk.source
    with catalogue_errors(chunk.source), open_lines(uri, data.fetch, chunk.start, chunk.stop) as lines:
        for number, line in enumerate(filter(str.strip, lines), start=chunk.first_row):
            values, problem = parse_object(line)
            yield Row(number, problem=("malformed_row", problem)) if problem else make_row(number, values, data)
