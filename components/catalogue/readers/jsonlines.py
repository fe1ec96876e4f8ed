"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.bounds import has_too_many_values
from diptych.components.catalogue.readers.nested import column_names, flatten
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Row,
    SeenColumns,
    catalogue_errors,
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


class _Repeating(dict[str, Any]):
    """An object that has a key several times: nobody knows which value is meant."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    return values if len(values) == len(pairs) else _Repeating(values)


#: Decodes JSON; NaN, which Python's encoder writes for a missing value, becomes None.
DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=lambda _: None)


class JsonLinesReader:
    """Reads lines of JSON objects, whose keys are the columns; blank lines are no rows. Chunks are ranges of bytes."""

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; nested values have dotted names, a malformed line has no values."""
        with open_text(source, data) as text:
            yield from (flatten(parse_row(line, data)[0]) for line in Lines(text, source, data) if line.strip())

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``; a column is missing if no line has it."""
        spool = spool_text(source, data, spool)
        with catalogue_errors(source), open_lines(spool or source, source, data) as lines:
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
    if isinstance(value, _Repeating):
        return {}, "a JSON object in which a key comes several times"
    return value, None


def _ends(lines: Lines, data: DataOptions, source: str) -> Iterator[int]:
    """Where each row ends. Lines are parsed until every column has been seen: most often, the first is enough."""
    seen, line, problem = SeenColumns(data), None, None
    for line in filter(str.strip, lines):
        if seen.missing:
            values, problem = parse_row(line, data)
            seen.add(column_names(values))
        yield lines.position
    if line is None:
        raise CatalogueError(f"data.catalogue: '{source}' is empty; it needs one JSON object per line")
    if problem and not seen.names:
        raise CatalogueError(f"data.catalogue: no line of '{source}' can be read; the last one is {problem}")
    seen.check(source)


def parse_row(line: str, data: DataOptions) -> tuple[dict[str, Any], str | None]:
    """Parses the object of a row as ``parse_object``, if it is not of more values than a row may have."""
    if has_too_many_values(line, data):
        return {}, f"more than {data.limits.row_values:,} values, see data.limits.memory_mb"
    return parse_object(line)


def _rows(chunk: Chunk, data: DataOptions) -> Iterator[Row]:
    uri = chunk.spool or chunk.source
    with catalogue_errors(chunk.source), open_lines(uri, chunk.source, data, chunk.start, chunk.stop) as lines:
        for number, line in enumerate(filter(str.strip, lines), start=chunk.first_row):
            values, problem = parse_row(line, data)
            yield Row(number, problem=("malformed_row", problem)) if problem else make_row(number, values, data)
