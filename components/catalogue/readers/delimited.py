"""CSV and TSV: one record per row; the first record names the columns."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

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
from diptych.components.catalogue.readers.text_files import open_lines, open_text, spool_text

if TYPE_CHECKING:
    from _csv import Reader


class DelimitedReader:
    """Reads tables of fields with a delimiter between them; a field in double quotes may hold delimiters and line ends.

    Chunks are ranges of bytes. The same parser finds where rows end and reads them, so the two cannot disagree.
    """

    delimiter: str

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; a table without a header has no rows."""
        with open_text(source, data) as text:
            # Not strict: quotes that are never closed are no reason to show nothing.
            parser = self._parser(text, strict=False)
            header = next(parser, [])
            for fields in parser:
                if len(fields) == len(header):
                    yield dict(zip(header, fields, strict=True))

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``."""
        spool = spool_text(source, data, spool)
        with catalogue_errors(source), open_lines(spool or source, data.fetch) as lines:
            parser = self._parser(lines)
            check_columns(_header(parser, source), data, source)
            whole = Chunk(source_index, 1, 0, source, lines.position, lines.position, spool)
            yield from cut_chunks(whole, (lines.position for _ in _records(parser, source)))

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return check_row_count(self._rows(chunk, data), chunk)

    def _rows(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        uri = chunk.spool or chunk.source
        with catalogue_errors(chunk.source):
            with open_lines(uri, data.fetch) as lines:
                header = _header(self._parser(lines), chunk.source)
            with open_lines(uri, data.fetch, chunk.start, chunk.stop) as lines:
                for number, record in enumerate(_records(self._parser(lines), chunk.source), start=chunk.first_row):
                    yield _row(number, header, record, data)

    def _parser(self, lines: Iterable[str], strict: bool = True) -> Reader:
        csv.field_size_limit(sys.maxsize)
        # Python 3.10's parser refuses NUL; the replacement character keeps the row and is seen in it.
        return csv.reader((line.replace("\0", "\ufffd") for line in lines), delimiter=self.delimiter, strict=strict)


class CsvReader(DelimitedReader):
    """Reads fields with commas between them."""

    delimiter = ","


class TsvReader(DelimitedReader):
    """Reads fields with tabs between them."""

    delimiter = "\t"


def _header(parser: Reader, source: str) -> list[str]:
    try:
        return next(parser)
    except StopIteration:
        raise CatalogueError(f"data.catalogue: '{source}' is empty; its first line must name the columns") from None
    except csv.Error as error:
        raise CatalogueError(f"data.catalogue: the first line of '{source}' is not CSV: {error}") from None


def _records(parser: Reader, source: str) -> Iterator[list[str] | csv.Error]:
    """The fields of every record, or the error in their place; blank lines are no records."""
    while True:
        line = parser.line_num + 1
        try:
            if fields := next(parser):
                yield fields
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise CatalogueError(
                    f"data.catalogue: '{source}': a quote opened in line {line} or after is never closed"
                ) from None
            yield error


def _row(number: int, header: list[str], record: list[str] | csv.Error, data: DataOptions) -> Row:
    if isinstance(record, csv.Error):
        return Row(number, problem=("malformed_row", f"not CSV: {record}"))
    if len(record) != len(header):
        detail = f"{len(record)} fields where the header names {len(header)}"
        return Row(number, problem=("malformed_row", detail))
    return make_row(number, dict(zip(header, record, strict=True)), data)
