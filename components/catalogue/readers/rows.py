"""What every reader gives: chunks, which workers share among themselves, and the rows of a chunk."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.cell_text import as_text, is_null
from diptych.components.catalogue.readers.filled_templates import Lookup, fill_text, fill_whole
from diptych.components.catalogue.readers.image_cells import ImageCell, parse_images
from diptych.components.catalogue.readers.label_values import is_one, parse_labels, parse_one_hot
from diptych.components.catalogue.readers.nested import find_nested
from diptych.components.catalogue.reasons import RowError, printable
from diptych.components.catalogue.split_names import split_of_cell
from diptych.components.catalogue.templates import template_columns
from diptych.models.counts import pluralize
from diptych.models.errors import DiptychError, nearest
from diptych.models.os_errors import explain_cause, explain_os_error

#: Rows of one chunk, where a reader can choose: enough to keep every process busy, few enough to share out.
ROWS_PER_CHUNK = 4096

#: The values of one row as its source holds them, column to value.
RawValues = Mapping[str, Any]

# A document of another form than it was taken for may have as many columns as it has rows.
_NAMES_LISTED = 20
# Rows may each have columns of their own.
_NAMES_KEPT = 1000
# Characters of what names a row, all of which are held in memory.
_MAX_NAMES = 100_000

_T = TypeVar("_T")
_Fill = Callable[[str, Lookup], str]


class CatalogueError(DiptychError):
    """The catalogue as a whole cannot be read; the message says where and what to do."""


@dataclass(frozen=True)
class Row:
    """One row of the catalogue.

    Attributes:
        number: the row's place in its source, from 1.
        id: as the row gives it, else the image's path; empty for an inline image without a name.
        image: the path of the image file as the row gives it; for an inline image its name, which may be empty.
        labels: none, one or, where ``data`` allows it, several; each once, sorted.
        content: the bytes of the image file, where the catalogue itself holds them.
        problem: reason (a key of ``diptych.components.catalogue.reasons.REASONS``) and detail, if the row could not be
            read.
        further: with ``data.paths.several: all``, a row for each further image of the same row of the source.
    """

    number: int
    id: str = ""
    image: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    group: str | None = None
    split: str | None = None
    content: bytes | None = None
    problem: tuple[str, str] | None = None
    further: tuple[Row, ...] = ()


@dataclass(frozen=True)
class SourceFile:
    """A file of the catalogue, as far as its rows need to know it.

    Attributes:
        name: path from the catalogue's folder on, which names the file in rejects.
        images_root: URI of the folder that the image paths of its rows are relative to.
    """

    name: str
    images_root: str


@dataclass(frozen=True, order=True)
class Chunk:
    """Consecutive rows of one source, which one worker reads.

    Attributes:
        source_index: place of the source among the catalogue's sources, which are sorted by name.
        first_row: number of the chunk's first row, from 1.
        rows: number of rows, as they were counted when the source was cut.
        source: URI of the catalogue's file (or folder) that a person would look into.
        start: where the first row begins. The unit is the reader's own: a byte or a row group.
        stop: where the last row ends.
        spool: URI of the file to read in place of a source that cannot be read from its middle; else empty.
        source_rows: number of rows of the source, where each of several images makes a row; None where they are equal.
    """

    source_index: int
    first_row: int
    rows: int
    source: str
    start: int
    stop: int
    spool: str = ""
    source_rows: int | None = None


class Reader(Protocol):
    """Reads one kind of catalogue. All methods stream: none holds a whole source in memory."""

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """Yields the raw values of the rows from the first on; the options need not name the columns yet.

        Rows that cannot be read are left out. A kind without columns of its own gives ``image``, ``description`` and
        ``label``.

        Raises:
            CatalogueError: the source as a whole cannot be read.
        """
        ...

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """Cuts one source into chunks of about ``ROWS_PER_CHUNK`` rows, in order, which together hold all its rows.

        Args:
            spool: URI of a file that the reader may write, for a source that can only be read from its start.

        Raises:
            CatalogueError: the source as a whole cannot be read, or lacks a column.
        """
        ...

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """Yields exactly ``chunk.rows`` rows; a malformed row has a ``problem``.

        Raises:
            CatalogueError: the source cannot be read, or has another number of rows than when it was cut.
        """
        ...


def make_row(number: int, values: RawValues, data: DataOptions) -> Row:
    """Makes a row of a mapping from column name to text, number, bytes or None.

    A missing key, None and NaN count as an empty text; bytes in place of a text are UTF-8. The image may be a path,
    bytes, Hugging Face's ``{"bytes": ..., "path": ...}``, or a list of these: see ``image_cells``. For labels see
    ``label_values``, for templates ``diptych.components.catalogue.templates``.
    """
    columns, problems = data.columns, []
    lookup = partial(_lookup, values, data.null_values)

    def convert(column: str | None, conversion: Callable[[Any], _T], default: _T, fill: _Fill = fill_whole) -> _T:
        if not column:
            return default
        try:
            value = None if data.null_values else values.get(column)
            # Most columns are there, which takes less time to see.
            return conversion(_value(column, lookup, fill) if value is None else value)
        except RowError as error:
            problems.append((error.reason, f"column '{column}' {error.detail}"))
            return default

    def text(column: str | None, fill: _Fill = fill_whole) -> str:
        return convert(column, as_text, "", fill) if column else ""

    def labels() -> tuple[str, ...]:
        if isinstance(columns.label, str):
            # Not each of the columns of a template holds a label.
            fill = fill_text if data.label_separator else fill_whole
            return convert(columns.label, partial(parse_labels, data=data), (), fill)
        try:
            return parse_one_hot([column for column in columns.label if convert(column, is_one, False)], data)
        except RowError as error:
            problems.append((error.reason, f"the one-hot columns {error.detail}"))
            return ()

    no_images: list[ImageCell] = []
    images = convert(columns.image, partial(parse_images, data=data), no_images)
    (image, content), *further = images or [("", None)]
    given_id = text(columns.id)
    row = Row(
        number,
        id=given_id or image,
        image=image,
        description=text(columns.description, fill_text),
        labels=labels(),
        group=text(data.split_by).strip() or None,
        split=split_of_cell(text(columns.split).strip(), columns.split) or None if columns.split else None,
        content=content,
        problem=problems[0] if problems else None,
    )
    if (length := len(row.id) + len(row.image) + len(row.group or "") + len("".join(row.labels))) > _MAX_NAMES:
        return Row(number, problem=("malformed_row", f"its id, path, labels and group have {length:,} characters"))
    if not further:
        return row
    others = (replace(row, id=given_id or name, image=name, content=held) for name, held in further)
    return replace(row, further=tuple(others))


def too_large(source: str, what: str, data: DataOptions) -> CatalogueError:
    """The refusal of a source of which a part would take too much memory.

    Args:
        what: the part, and its size.
    """
    return CatalogueError(
        f"data.limits.memory_mb: '{source}' cannot be read in {data.limits.memory_mb:g} MB of memory: {what}; mend the "
        "file, or raise the limit"
    )


def check_columns(names: Iterable[str], data: DataOptions, source: str) -> None:
    """Checks that the source has every column that the options name and do not leave open, and has none of them twice.

    Raises:
        CatalogueError: it has not; the message names the setting and the nearest column.
    """
    names = [printable(name) for name in names]
    check_unique(names, data, source)
    for column, setting in data.used_columns.items():
        if column not in names and column not in data.optional_columns:
            raise CatalogueError(
                f"{setting}: the catalogue '{source}' has no column '{column}'; {nearest(column, names)}"
                f"its columns are {listed(names)}"
            )


class SeenColumns:
    """The columns that rows without a header have, as far as they matter.

    Attributes:
        missing: those of ``data.used_columns`` that no row has had.
        names: those that rows have had; of a great number, not all.
    """

    def __init__(self, data: DataOptions) -> None:
        self._data, self._used = data, frozenset(data.used_columns)
        self.missing, self.names = set(self._used), set[str]()

    def add(self, names: Set[str]) -> None:
        """Adds the columns of a row."""
        self.missing -= names
        self.names |= names if len(self.names) < _NAMES_KEPT else names & self._used

    def check(self, source: str) -> None:
        """Checks that some row had every column that the options name, as ``check_columns`` does."""
        if self.missing:
            check_columns(sorted(self.names), self._data, source)


def listed(names: Iterable[str]) -> str:
    """Names in one line; of a great number, the first ones."""
    names = list(names)
    more = len(names) - _NAMES_LISTED
    return ", ".join(names[:_NAMES_LISTED]) + (f" and {more:,} more" if more > 0 else "") if names else "none"


def check_unique(names: Sequence[str], data: DataOptions, source: str) -> None:
    """Checks that the source has no column twice that the options name.

    Raises:
        CatalogueError: it has.
    """
    times = Counter(names)
    if doubled := sorted(column for column in data.used_columns if times[column] > 1):
        named = ", ".join(f"'{column}'" for column in doubled)
        raise CatalogueError(
            f"data.catalogue: '{source}' has several columns named {named}; rename all but one; or, in a table of "
            "text, say data.table.header: false and data.table.skip_lines: 1, and name columns by their numbers"
        )


def cut_chunks(whole: Chunk, ends: Iterable[int]) -> Iterator[Chunk]:
    """Cuts a source into chunks of ``ROWS_PER_CHUNK`` rows.

    Args:
        whole: a chunk that names the source, and where the first row starts.
        ends: where each row ends, in order.
    """
    start, first, rows, stop = whole.start, 1, 0, whole.start
    for stop in ends:
        rows += 1
        if rows == ROWS_PER_CHUNK:
            yield replace(whole, first_row=first, rows=rows, start=start, stop=stop)
            start, first, rows = stop, first + rows, 0
    if rows:
        yield replace(whole, first_row=first, rows=rows, start=start, stop=stop)


def check_row_count(rows: Iterable[Row], chunk: Chunk) -> Iterator[Row]:
    """Yields the rows of a chunk, and checks that they are as many as were counted when the source was cut.

    Raises:
        CatalogueError: there are more or fewer.
    """
    count = 0
    for row in rows:
        count += 1
        if count <= chunk.rows:
            yield row
    if count != chunk.rows:
        raise CatalogueError(
            f"data.catalogue: '{chunk.source}' changed while it was read: {pluralize(count, 'row')} where there were "
            f"{chunk.rows}, from row {chunk.first_row} on; run again"
        )


@contextmanager
def catalogue_errors(source: str) -> Iterator[None]:
    """Raises what goes wrong with the file of a source, inside the ``with`` block, as a ``CatalogueError``."""
    try:
        yield
    except FileNotFoundError:
        raise CatalogueError(f"data.catalogue: there is no file '{source}'") from None
    except (OSError, EOFError, zlib.error) as error:
        raise CatalogueError(f"data.catalogue: '{source}' cannot be read: {_reason(error, source)}") from None


def _reason(error: Exception, source: str) -> str:
    """Why a source cannot be read: it may as well be that a copy of it cannot be written."""
    if not isinstance(error, OSError):
        return str(error)
    return (error.filename not in (None, source) and explain_os_error(error)) or explain_cause(error)


def _value(name: str, lookup: Lookup, fill: _Fill) -> Any:
    """The value of a column, or of a template."""
    value = lookup(name)
    return fill(name, lookup) if value is None and template_columns(name) else value


def _lookup(values: RawValues, null_values: Sequence[str], name: str) -> Any:
    """The value of a column, or of one inside of nested objects; None for one that stands for no value."""
    value = values.get(name) if name in values or "." not in name else find_nested(values, name)
    return None if null_values and is_null(value, null_values) else value
