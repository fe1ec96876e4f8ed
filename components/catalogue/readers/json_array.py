"""A JSON array of objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.jsonlines import check_object
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk, RawValues, Row, check_columns
from diptych.components.catalogue.readers.spool import cut_spool, read_spool, write_spool
from diptych.components.catalogue.readers.text_files import open_text


class JsonArrayReader:
    """Reads an array of objects, whose keys are the columns. It has no lines to start at, so its items are spooled."""

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``."""
        with open_text(source, data) as text:
            yield from (item for item in JsonText(text, source).items() if isinstance(item, dict))

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``; a column is missing if no item has it."""
        write_spool(spool, _rows(source, data))
        return cut_spool(source, source_index, data, spool)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return read_spool(chunk, data)


def _rows(source: str, data: DataOptions) -> Iterator[tuple[dict[str, Any], str | None]]:
    used, seen, row = set(data.used_columns.values()), set[str](), None
    with open_text(source, data) as text:
        for item in JsonText(text, source).items():
            values, problem = check_object(item)
            if not used <= seen:
                seen.update(values)
            yield (row := {key: value for key, value in values.items() if key in used}), problem
    if row is None:
        raise CatalogueError(f"data.catalogue: '{source}' is empty; it needs an array of objects")
    if not used <= seen:
        check_columns(sorted(seen), data, source)
