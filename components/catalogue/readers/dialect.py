"""How a file of fields is written: its delimiter, quotes, comments and header, as the settings and the file say."""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Protocol

from diptych.components.catalogue.options import TableOptions
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.readers.text_files import Lines

# What Excel takes the delimiter from, if it is the first line.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
# Records in which the number of columns is looked for where no header says it.
_FIRST_RECORDS = 100


class Parser(Protocol):
    """Gives the fields of each record; a blank line is a record without fields."""

    @property
    def line_num(self) -> int:
        """The number of lines that have been parsed."""
        ...

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True)
class Dialect:
    """How the lines of a file are parted into records and fields.

    Attributes:
        delimiter: as the settings, the file's first line or the kind of the file say.
        table: the settings.
    """

    delimiter: str
    table: TableOptions

    def parse(self, lines: Iterable[str], strict: bool = True) -> Parser:
        """Parses lines; lines of comment between two records are left out.

        Raises:
            csv.Error: while records are taken: one is broken; the next one follows it.
        """
        csv.field_size_limit(sys.maxsize)
        # Python 3.10's parser refuses NUL; the replacement character keeps the row and is seen in it.
        clean = (line.replace("\0", "\ufffd") for line in lines)
        if self.table.comment:
            return _CommentedLines(clean, self, strict)
        return self.parser(clean, strict)

    def parser(self, lines: Iterable[str], strict: bool) -> Parser:
        """Python's parser for lines without comments or NUL."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.table.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.table.quote else csv.QUOTE_NONE,
            escapechar=self.table.escape,
            # In a last field that is the rest of its line, spaces after delimiters are kept.
            skipinitialspace=self.table.skip_initial_space and self.table.last_field == "exact",
            strict=strict,
        )


class _CommentedLines:
    """A parser of lines of which some between the records are comments."""

    def __init__(self, lines: Iterable[str], dialect: Dialect, strict: bool) -> None:
        self.line_num = 0
        self._between_records = True
        self._comment = dialect.table.comment or ""
        self._parser = dialect.parser(self._without_comments(lines), strict)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self._between_records = True
        return next(self._parser)

    def _without_comments(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.line_num += 1
            if not (self._between_records and line.startswith(self._comment)):
                self._between_records = False
                yield line


@dataclass(frozen=True)
class Layout:
    """Where the rows of a file begin, and what their fields are.

    Attributes:
        names: the columns; those of a table without a header are 1, 2, 3 and so on.
        start: the byte at which the first record after the header begins.
        lines: number of lines before it.
        header: the text of the header's last line; empty if there is no header.
        is_plain: whether a record with a field for each column is a row as it is.
    """

    dialect: Dialect
    names: list[str]
    start: int
    lines: int
    header: str
    is_plain: bool


def separator_of(line: str) -> str | None:
    """The delimiter that a line such as ``sep=;`` names; None if it is another line."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return match[1] if match else None


def read_layout(lines: Lines, table: TableOptions, default_delimiter: str, source: str) -> Layout:
    """Reads the first lines of a file, as far as they are no rows.

    Raises:
        CatalogueError: it is empty or its header is no record.
    """
    start, rest = lines.position, iter(lines)
    first = next(rest, "")
    separator = separator_of(first)
    if separator and table.delimiter not in (None, separator):
        raise CatalogueError(
            f"data.table.delimiter: '{table.delimiter}', but the first line of '{source}' says 'sep={separator}'"
        )
    dialect = Dialect(table.delimiter or separator or default_delimiter, table)
    # The line that names the separator is one of those that come before the header.
    skipped = max(table.skip_lines, 1 if separator else 0)
    if not skipped:
        rest = chain([first], rest)
    skipped_lines = [first, *islice(rest, skipped - 1)] if skipped else []
    if skipped_lines:
        start = lines.position
    if not table.header:
        return Layout(dialect, _numbers(dialect, rest, lines, source), start, len(skipped_lines), "", _is_plain(table))
    return _read_header(dialect, rest, lines, len(skipped_lines), source)


def _read_header(dialect: Dialect, rest: Iterator[str], lines: Lines, skipped: int, source: str) -> Layout:
    taken: list[str] = []
    parser = dialect.parse(_noted(rest, taken))
    lines.row_start = lines.position
    try:
        while not (names := next(parser)):
            continue
    except StopIteration:
        raise CatalogueError(f"data.catalogue: '{source}' is empty; its first line must name the columns") from None
    except csv.Error as error:
        raise CatalogueError(f"data.catalogue: the first line of '{source}' is not CSV: {error}") from None
    lines.check_fields(len(names))
    table = dialect.table
    if table.skip_initial_space:
        names = [name.lstrip(" ") for name in names]
    names = [""] * (table.unnamed_field == "first") + names + [""] * (table.unnamed_field == "last")
    return Layout(dialect, names, lines.position, skipped + parser.line_num, taken[-1], _is_plain(table))


def _is_plain(table: TableOptions) -> bool:
    return table.unnamed_field != "last" and table.last_field == "exact"


def _noted(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _numbers(dialect: Dialect, rest: Iterator[str], lines: Lines, source: str) -> list[str]:
    """The names of the columns of a table without a header."""
    parser = dialect.parse(rest)
    widths = (len(fields) for fields in records(parser, lines, source) if not isinstance(fields, csv.Error))
    first = list(islice(widths, _FIRST_RECORDS))
    if not first:
        raise CatalogueError(f"data.catalogue: '{source}' is empty; it needs rows")
    # The first record may be a broken one.
    lines.check_fields(max(first))
    width = min(first) if dialect.table.last_field == "rest" else Counter(first).most_common(1)[0][0]
    return [str(number) for number in range(1, width + 1)]


def records(parser: Parser, lines: Lines, source: str, lines_before: int = 0) -> Iterator[list[str] | csv.Error]:
    """The fields of every record, or the error in their place; blank lines are no records.

    Args:
        lines: that the parser is given; they are told where each record begins.
        lines_before: number of the file's lines before those that the parser is given.

    Raises:
        CatalogueError: a quote is never closed, so that nobody knows where the records after it begin; or a record is
            too long.
    """
    line, lines.row_start = parser.line_num, lines.position
    while True:
        try:
            for fields in parser:
                line, lines.row_start = parser.line_num, lines.position
                if fields:
                    yield fields
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise CatalogueError(
                    f"data.catalogue: '{source}': a quote opened in line {lines_before + line + 1} or after is never "
                    "closed; if its quotes are none, say data.table.quote: ''"
                ) from None
            # A row with a wrong quote may reach into the rows below it.
            count, line, lines.row_start = parser.line_num - line, parser.line_num, lines.position
            yield csv.Error(f"{error}, in a row of {count} lines") if count > 1 else error
