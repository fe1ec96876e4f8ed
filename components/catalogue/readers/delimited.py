"""CSV and TSV: one record per row; the first record names the columns, unless the settings say otherwise."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.dialect import Layout, read_layout, records
from diptych.components.catalogue.readers.header_check import check_header, delimiter_hints
from diptych.components.catalogue.readers.label_values import whole_number_label
from diptych.components.catalogue.readers.rows import (
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_row_count,
    cut_chunks,
    make_row,
)
from diptych.components.catalogue.readers.text_files import Lines, open_lines, open_text, spool_text


class DelimitedReader:
    """Reads tables of fields with a delimiter between them; a field in quotes may hold delimiters and line ends.

    Chunks are ranges of bytes. The same parser finds where rows end and reads them, so the two cannot disagree.
    """

    delimiter: str

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; a column without a name is left out."""
        # Not strict: quotes that are never closed are no reason to show nothing.
        for values, problem in self.raw_rows(source, data, strict=False):
            if not problem:
                yield values

    def raw_rows(self, source: str, data: DataOptions, strict: bool = True) -> Iterator[tuple[RawValues, str | None]]:
        """The values of each row by column, and None; or no values, and what is wrong with the row.

        Args:
            strict: whether quotes that are no proper ones make a row broken.

        Raises:
            CatalogueError: the source as a whole cannot be read.
        """
        with open_text(source, data) as text:
            lines = Lines(text, source, data)
            layout = self.layout(lines, data, source)
        with open_text(source, data) as text:
            whole = Lines(text, source, data)
            for _ in range(layout.lines):
                next(iter(whole))
            for record in records(layout.dialect.parse(whole, strict), whole, source, layout.lines):
                fields = _fit(record, layout)
                if isinstance(fields, str):
                    yield {}, fields
                    continue
                values = dict(zip(layout.names, fields, strict=True))
                values.pop("", None)
                yield values, None

    def layout(self, lines: Lines, data: DataOptions, source: str) -> Layout:
        """Reads the header and what comes before it.

        Raises:
            CatalogueError: the source is empty, or its header is no record.
        """
        return read_layout(lines, data.table, self.delimiter, source)

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``."""
        spool = spool_text(source, data, spool)
        with catalogue_errors(source):
            layout = self._layout(spool or source, source, data)
            check_header(layout.names, data, source, delimiter_hints(layout, data))
            with open_lines(spool or source, source, data, layout.start) as lines:
                parsed = records(layout.dialect.parse(lines), lines, source, layout.lines)
                whole = Chunk(source_index, 1, 0, source, layout.start, layout.start, spool)
                yield from cut_chunks(whole, (lines.position for _ in parsed))

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return check_row_count(self._rows(chunk, data), chunk)

    def _layout(self, uri: str, source: str, data: DataOptions) -> Layout:
        with open_lines(uri, source, data) as lines:
            return self.layout(lines, data, source)

    def _rows(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        uri = chunk.spool or chunk.source
        with catalogue_errors(chunk.source):
            layout = self._layout(uri, chunk.source, data)
            with open_lines(uri, chunk.source, data, chunk.start, chunk.stop) as lines:
                parsed = records(layout.dialect.parse(lines), lines, chunk.source)
                for number, record in enumerate(parsed, start=chunk.first_row):
                    yield _row(number, record, layout, data)


class CsvReader(DelimitedReader):
    """Reads fields with commas between them, if nothing says otherwise."""

    delimiter = ","


class TsvReader(DelimitedReader):
    """Reads fields with tabs between them, if nothing says otherwise."""

    delimiter = "\t"


def _row(number: int, record: list[str] | csv.Error, layout: Layout, data: DataOptions) -> Row:
    fields = _fit(record, layout)
    if isinstance(fields, str):
        return Row(number, problem=("malformed_row", fields))
    return make_row(number, whole_number_label(dict(zip(layout.names, fields, strict=True)), data), data)


def _fit(record: list[str] | csv.Error, layout: Layout) -> list[str] | str:
    """A field for each column, or what is wrong with the record."""
    if isinstance(record, csv.Error):
        return f"not CSV: {record}"
    width = len(layout.names)
    if len(record) == width and layout.is_plain:
        return record
    table = layout.dialect.table
    if table.last_field == "rest" and len(record) >= width:
        fields = [*record[: width - 1], layout.dialect.delimiter.join(record[width - 1 :])]
        return [field.lstrip(" ") for field in fields] if table.skip_initial_space else fields
    if len(record) == width:
        return "the field after the last name is not empty, see data.table.unnamed_field" if record[-1] else record
    named = "the header names" if table.header else "most rows have"
    return f"{len(record)} fields where {named} {width}"
