"""The rows of a JSON object of columns, without a column being held in memory."""

from __future__ import annotations

import json
import mmap
import tempfile
from collections.abc import Iterator, Set
from typing import Any, BinaryIO, cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.bounds import LimitedFile
from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.rows import CatalogueError, too_large


def read_columns(
    text: JsonText, wanted: Set[str], source: str, data: DataOptions
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """The key and the values of each row; without keys, where the columns are arrays, the key is None.

    The columns are copied to a temporary file, in which each is then read at a place of its own.

    Args:
        text: before an object whose members are objects, by the keys of the rows, or arrays; others are left out.
        wanted: the columns to read; none if all are. Of others, the first row has the names.

    Raises:
        CatalogueError: the columns differ in their lengths or keys, or are too many or too large.
    """
    with tempfile.TemporaryFile() as file:
        places, lengths = dict[str, int](), dict[str, int]()
        copy_file = LimitedFile(cast(BinaryIO, file), source, data)
        for name in text.enter_object():
            if len(lengths) > data.limits.row_values:
                raise too_large(source, f"more than {len(lengths) - 1:,} columns", data)
            start = file.tell()
            length = _copy_column(text, cast(BinaryIO, copy_file), keep=not wanted or name in wanted)
            if length is not None:
                lengths[name], places[name] = length, start
        _check_lengths(lengths, source)
        file.flush()
        kept = {name: place for name, place in places.items() if not wanted or name in wanted}
        if not any(lengths.values()):
            return
        if not kept:
            yield None, dict.fromkeys(lengths)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as copy:
            for number in range(max(lengths.values())):
                key, values = _next_row(copy, kept, source)
                yield key, values if number else {**dict.fromkeys(lengths), **values}


def _copy_column(text: JsonText, file: BinaryIO, keep: bool) -> int | None:
    """Copies a column, a line for each value; returns the number of its values, or None if it is no column."""
    sign, length = text.next(), 0
    if sign not in ("{", "["):
        text.value()
        return None
    keys: Iterator[Any] = text.enter_object() if sign == "{" else text.enter_array()
    for key in keys:
        value = text.value()
        length += 1
        if keep:
            file.write(json.dumps([key if sign == "{" else None, value]).encode() + b"\n")
    return length


def _check_lengths(lengths: dict[str, int], source: str) -> None:
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"'{name}' {length:,}" for name, length in lengths.items())
        raise CatalogueError(
            f"data.catalogue: '{source}' has columns of different lengths: {counts}; every column must have a value "
            "for each row"
        )


def _next_row(copy: mmap.mmap, places: dict[str, int], source: str) -> tuple[str | None, dict[str, Any]]:
    """The row at the places of the columns, which move on."""
    keys, values = set(), {}
    for name, place in places.items():
        end = copy.find(b"\n", place) + 1
        key, values[name] = json.loads(copy[place:end])
        keys.add(key)
        places[name] = end
    if len(keys) > 1:
        found = ", ".join(f"'{key}'" for key in sorted(keys))
        raise CatalogueError(f"data.catalogue: '{source}' has columns whose keys differ: {found}")
    return keys.pop(), values
