"""The dialects that a file of fields may be written in, each with the records that it would give."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, product

from pydantic import ValidationError

from diptych.components.catalogue.options import TableOptions
from diptych.components.catalogue.readers.dialect import Dialect
from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.pipeline.prepare.proposals.headings import count_known_names

#: Delimiters that people use, the most frequent first.
COMMON_DELIMITERS = ",;\t|"
# Signs of numbers, paths and names, and what no parser takes: no delimiters or quotes.
_NO_SIGNS = frozenset("./_-\\\0")
_QUOTES = "\"'"
_COMMENTS = ("#", "//", "%")
# Characters of a field in which its second quote is looked for.
_MAX_QUOTED = 2000
_ESCAPES = frozenset("\\^!~$%&*+=@?`|")
_FIRST_LINES = 10
_MAX_LEADING_LINES = 20


@dataclass(frozen=True)
class Record:
    """The fields of a record.

    Attributes:
        line: number of lines before it.
    """

    line: int
    fields: list[str]


@dataclass(frozen=True)
class Candidate:
    """A dialect and what it makes of the first lines of a file.

    Attributes:
        records: those that are not blank.
        broken: the number of records that are none in this dialect.
        text: that was parsed.
    """

    dialect: Dialect
    records: list[Record]
    broken: int
    text: str = field(repr=False)

    @cached_property
    def width(self) -> int:
        """The most frequent number of fields, of records other than the first."""
        counts = Counter(len(record.fields) for record in self.records[1:] or self.records)
        first = len(self.records[0].fields) if self.records else 0
        return max(counts, key=lambda width: (counts[width], width == first), default=0)

    @cached_property
    def leading(self) -> int:
        """The number of records before the table: they have fewer fields than its rows, and than a header has."""
        is_wide = [len(record.fields) >= max(2, self.width - 1) for record in self.records]
        place = is_wide.index(True) if True in is_wide[:_MAX_LEADING_LINES] else 0
        # In a table whose rows differ in their numbers of fields, the header may be the shortest.
        return place if all(is_wide[place:]) else 0

    @cached_property
    def table(self) -> list[list[str]]:
        """The fields of the header, if there is one, and of all records after it."""
        return [record.fields for record in self.records[self.leading :]]

    @cached_property
    def regularity(self) -> float:
        """The share of records that have as many fields as most."""
        return sum(len(fields) == self.width for fields in self.table) / max(1, len(self.table) + self.broken)

    @cached_property
    def image_column(self) -> int | None:
        """The place of the field that is the path of an image in at least half of the rows."""
        rows = [fields for fields in self.table[1:] or self.table if len(fields) == self.width]
        shares = [sum(has_image_ending(row[place].strip()) for row in rows) for place in range(self.width)]
        best = max(range(self.width), key=lambda place: shares[place], default=0)
        return best if rows and shares[best] * 2 >= len(rows) else None

    @cached_property
    def known_names(self) -> int:
        """The number of fields of the first record that are the usual names of columns, 2 at most."""
        return min(2, count_known_names(self.table[0])) if self.table else 0

    @property
    def merit(self) -> tuple[bool, int, float, bool]:
        """What speaks for the dialect: a column of images, names of columns, that records and the header are alike."""
        has_header_of_rows = bool(self.table) and len(self.table[0]) == self.width
        return self.image_column is not None, self.known_names, round(self.regularity, 1), has_header_of_rows

    @cached_property
    def quoted(self) -> int:
        """The number of fields that stand in quotes, roughly."""
        quote, delimiter = re.escape(self.dialect.table.quote or '"'), re.escape(self.dialect.delimiter)
        field = rf"(?:^|{delimiter}){quote}[^{quote}]*{quote}(?=$|{delimiter})"
        return len(re.findall(field, _with_one_line_end(self.text), re.MULTILINE))

    @cached_property
    def begins_with_comments(self) -> bool:
        """Whether the first line is a comment, and the next one too or it has other fields than the rows."""
        comment = self.dialect.table.comment or "\n"
        first, second = [*islice(io.StringIO(self.text, newline=""), 2), "", ""][:2]
        is_row = first.count(self.dialect.delimiter) == self.width - 1
        return first.startswith(comment) and (second.startswith(comment) or not is_row)

    @property
    def is_table(self) -> bool:
        """Whether most records have several fields."""
        return self.width >= 2 and bool(self.records)


def list_candidates(text: str, is_whole: bool, default_delimiter: str) -> list[Candidate]:
    """The dialects that may be meant, those that people use most first.

    Args:
        text: of the file, from its start, or from the line after ``sep=;``.
        is_whole: whether it is all of it.
        default_delimiter: that of the kind of file.
    """
    lines = list(io.StringIO(text, newline=""))
    first = next(filter(str.strip, lines), "")
    found = []
    for delimiter in _delimiters(lines, default_delimiter):
        for quote, comment, space in product(_quotes(text, delimiter), _comments(lines, delimiter), (False, True)):
            if space and (delimiter == " " or f"{delimiter} " not in first):
                continue
            for escape in _escapes(text, delimiter, quote):
                options: dict[str, object] = {
                    "quote": quote,
                    "escape": escape,
                    "comment": comment,
                    "skip_initial_space": space,
                }
                if candidate := _candidate(text, is_whole, delimiter, options):
                    found.append(candidate)
    return [candidate for candidate in found if candidate.is_table]


def _candidate(text: str, is_whole: bool, delimiter: str, options: dict[str, object]) -> Candidate | None:
    try:
        dialect = Dialect(delimiter, TableOptions(delimiter=delimiter, **options))
    except ValidationError:
        return None
    records: list[Record] = []
    broken = 0
    parser = dialect.parse(io.StringIO(text, newline=""))
    while True:
        line = parser.line_num
        try:
            if fields := next(parser):
                records.append(Record(line, fields))
        except StopIteration:
            break
        except csv.Error as error:
            is_cut = "end of data" in str(error)
            broken += text.count("\n") - line + 1 if is_cut and is_whole else not is_cut
            if is_cut:
                break
    return Candidate(dialect, records, broken, text)


def _delimiters(lines: list[str], default: str) -> list[str]:
    """Those that occur in one of the first lines, the usual ones first."""
    signs = {sign for line in lines[:_FIRST_LINES] for sign in line if _is_sign(sign) and sign not in _QUOTES}
    usual = [delimiter for delimiter in dict.fromkeys(default + COMMON_DELIMITERS) if delimiter in signs]
    others = sorted(signs - set(usual), key=lambda sign: (sign == " ", -sum(sign in line for line in lines), sign))
    return usual + others


def _quotes(text: str, delimiter: str) -> Iterator[str]:
    """The signs that stand about a field somewhere, and none where there are double quotes."""
    yield '"'
    if '"' in text:
        yield ""
    edge = re.escape(delimiter)
    start = rf"(?:^|{edge}) *([^\w\s\"{edge}])"
    about = re.findall(
        rf"{start}(?=(?s:.{{0,{_MAX_QUOTED}}}?)\1 *(?:{edge}|$))", _with_one_line_end(text), re.MULTILINE
    )
    yield from (quote for quote in sorted(set(about) - _NO_SIGNS) if quote != delimiter)


def _comments(lines: list[str], delimiter: str) -> Iterator[str | None]:
    """The signs that lines begin with, other than a header; and none."""
    yield None
    for comment in _COMMENTS:
        found = [place for place, line in enumerate(lines) if line.startswith(comment)]
        is_header = found == [0] and len(lines) > 1 and lines[0].count(delimiter) == lines[1].count(delimiter)
        if found and not is_header:
            yield comment


def _escapes(text: str, delimiter: str, quote: str) -> Iterator[str | None]:
    """The signs that stand before signs that need an escape, and nowhere else."""
    yield None
    needy = re.escape(f"{delimiter}{quote}{_QUOTES}\r\n")
    for sign in sorted(set(text) & _ESCAPES - {delimiter, quote}, key=lambda sign: (sign != "\\", sign)):
        escape = re.escape(sign)
        is_only_there = not re.sub(rf"{escape}[{needy}{escape}]", "", text).count(sign)
        # In quotes a delimiter needs no escape: a text may well have a sign before its comma.
        is_needed = (
            sign == "\\" or not quote or quote not in text or re.search(rf"{escape}[{re.escape(quote)}{escape}]", text)
        )
        if is_only_there and is_needed:
            yield sign


def _is_sign(sign: str) -> bool:
    return not sign.isalnum() and sign not in _NO_SIGNS and sign not in "\r\n"


def _with_one_line_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
