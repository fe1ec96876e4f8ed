"""What every kind of catalogue is read to: chunks, which workers share out among themselves, and rows."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from diptych.components.catalogue.options import DataOptions
from diptych.models.errors import DiptychError, nearest

#: Rows of one chunk, where a reader can choose: enough to keep every process busy, few enough to share out.
ROWS_PER_CHUNK = 4096

_T = TypeVar("_T")


class CatalogueError(DiptychError):
    """The catalogue as a whole cannot be read; the message says where and what to do."""


@dataclass(frozen=True)
class Row:
    """One row of the catalogue.

    Attributes:
        number: 1 for the first row of its source.
        id: as the row gives it, else the image's path; empty for an inline image that bears no name.
        image: the path as the row gives it; for inline images the name they bear, or nothing.
        labels: none, one or, with ``data.label_separator``, several; each once, sorted.
        content: the image's bytes, where the catalogue holds them itself.
        problem: reason (see ``diptych.components.catalogue.reasons``) and detail, where the row could not be read.
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


@dataclass(frozen=True, order=True)
class Chunk:
    """Consecutive rows of one source, which one worker reads.

    Attributes:
        source_index: place of the source among the catalogue's sources, which are sorted by name.
        first_row: number of its first row, from 1.
        rows: how many rows it holds, as the one who cut the source counted them.
        source: URI of the catalogue's file (or folder) that a person would look into.
        start: where its first row begins, in the units of its reader: bytes, a row group, a file of an archive.
        stop: where its last row ends.
        spool: URI of the file to read instead of the source, where that could not be cut; else empty.
    """

    source_index: int
    first_row: int
    rows: int
    source: str
    start: int
    stop: int
    spool: str = ""


class Reader(Protocol):
    """One kind of catalogue. Both calls stream: neither holds a source in memory."""

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """Cuts one source into chunks of about ``ROWS_PER_CHUNK`` rows, in order; their rows add up to the source's.

        Args:
            spool: URI of a file that the reader may write, for a source that can only be read from its start.

        Raises:
            CatalogueError: the source as a whole cannot be read, or lacks a column.
        """
        ...

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """Yields exactly ``chunk.rows`` rows, malformed ones too, with their ``problem``."""
        ...


def make_row(number: int, values: Mapping[str, Any], data: DataOptions) -> Row:
    """A row of a mapping from column name to text, number, bytes or None.

    A missing key, None or a number that is none (NaN) is an empty text; bytes in place of a text are UTF-8. The image
    may be a path, its bytes, Hugging Face's ``{"bytes": ..., "path": ...}``, or a list of one of these. With
    ``data.label_separator`` the label is a text to part by it, or a list of labels.
    """
    columns, problems = data.columns, []

    def use(column: str | None, convert: Callable[[Any], _T], nothing: _T) -> _T:
        try:
            return convert(values.get(column)) if column else nothing
        except _UnusableError as error:
            problems.append(error.told_of(column))
            return nothing

    def text(column: str | None) -> str:
        return use(column, _text, "")

    no_image: tuple[str, bytes | None] = ("", None)
    image, content = use(columns.image, _image, no_image)
    return Row(
        number,
        id=text(columns.id) or image,
        image=image,
        description=text(columns.description),
        labels=use(columns.label, partial(_labels, separator=data.label_separator), ()),
        group=text(data.split_by).strip() or None,
        split=text(columns.split).strip() or None,
        content=content,
        problem=problems[0] if problems else None,
    )


def check_columns(names: Iterable[str], data: DataOptions, source: str) -> None:
    """Sees that the source has every column that the settings name, and none twice.

    Raises:
        CatalogueError: it has not; the message names the setting and the nearest column.
    """
    # Bytes that are no text could not be printed.
    printable = [name.encode(errors="replace").decode() for name in names]
    times = Counter(printable)
    if doubled := sorted(column for column in set(data.used_columns.values()) if times[column] > 1):
        raise CatalogueError(f"data.catalogue: '{source}' names the columns {doubled} twice")
    for setting, column in data.used_columns.items():
        if column not in printable:
            raise CatalogueError(
                f"{setting}: the catalogue '{source}' has no column '{column}'; {nearest(column, printable)}"
                f"its columns are {', '.join(printable) or 'none'}"
            )


def cut_chunks(whole: Chunk, ends: Iterable[int]) -> Iterator[Chunk]:
    """Cuts a source into chunks of ``ROWS_PER_CHUNK`` rows.

    Args:
        whole: gives the source and where its first row starts.
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


def counted(rows: Iterable[Row], chunk: Chunk) -> Iterator[Row]:
    """The rows of a chunk, as many as the one who cut it counted.

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
            f"data.catalogue: '{chunk.source}' changed while it was read: {count} rows where there were {chunk.rows}, "
            f"from row {chunk.first_row} on; run again"
        )


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turns what goes wrong with the file of a source into a ``CatalogueError``."""
    try:
        yield
    except FileNotFoundError:
        raise CatalogueError(f"data.catalogue: there is no file '{source}'") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CatalogueError(f"data.catalogue: '{source}' cannot be read: {reason}") from None


class _UnusableError(ValueError):
    """A value stands for no text or image: the reason, and what is said of its column."""

    def __init__(self, reason: str, told: str) -> None:
        super().__init__(told)
        self._reason, self._told = reason, told

    def told_of(self, column: str | None) -> tuple[str, str]:
        return self._reason, f"column '{column}' {self._told}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, bytes):
        text = value.decode(errors="surrogateescape")
    elif isinstance(value, (dict, list, tuple)):
        raise _UnusableError("malformed_row", _told_of_type(value))
    else:
        return str(value)
    if not _is_utf8(text):
        raise _UnusableError("bad_encoding", "is not valid UTF-8")
    return text


def _labels(value: Any, separator: str | None) -> tuple[str, ...]:
    """The labels of a row, each once, sorted, so that their order in the catalogue changes no record."""
    if separator is None:
        if isinstance(value, (list, tuple)):
            raise _UnusableError("malformed_row", f"{_told_of_type(value)}, or data.label_separator for several labels")
        texts = [_text(value)]
    elif isinstance(value, (list, tuple)):
        texts = [_text(item) for item in value]
    else:
        texts = _text(value).split(separator)
    return tuple(sorted({text.strip() for text in texts} - {""}))


def _image(value: Any) -> tuple[str, bytes | None]:
    """The path of an image and its bytes, as far as the value gives them."""
    if isinstance(value, (list, tuple)):
        if len(value) > 1:
            raise _UnusableError("several_images", f"holds {len(value)} images")
        value = value[0] if value else None
    if isinstance(value, bytes):
        return "", value
    if isinstance(value, dict):
        content = value.get("bytes")
        if not (content is None or isinstance(content, bytes)) or not value.keys() & {"bytes", "path"}:
            raise _UnusableError("malformed_row", "holds a dict; a path or bytes are needed")
        return _text(value.get("path")), content
    return _text(value), None


def _told_of_type(value: Any) -> str:
    return f"holds a {type(value).__name__}; a text or number is needed"


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
