"""What every reader gives: chunks, which workers share among themselves, and the rows of a chunk."""

from __future__ import annotations

import math
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.reasons import RowError, printable
from diptych.models.errors import DiptychError, nearest

#: Rows of one chunk, where a reader can choose: enough to keep every process busy, few enough to share out.
ROWS_PER_CHUNK = 4096

#: The values of one row as its source holds them, column to value.
RawValues = Mapping[str, Any]

_T = TypeVar("_T")


class CatalogueError(DiptychError):
    """The catalogue as a whole cannot be read; the message says where and what to do."""


@dataclass(frozen=True)
class Row:
    """One row of the catalogue.

    Attributes:
        number: the row's place in its source, from 1.
        id: as the row gives it, else the image's path; empty for an inline image without a name.
        image: the path of the image file as the row gives it; for an inline image its name, which may be empty.
        labels: none, one or, with ``data.label_separator``, several; each once, sorted.
        content: the bytes of the image file, where the catalogue itself holds them.
        problem: reason (a key of ``diptych.components.catalogue.reasons.REASONS``) and detail, if the row could not be
            read.
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
    """

    source_index: int
    first_row: int
    rows: int
    source: str
    start: int
    stop: int
    spool: str = ""


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
    bytes, Hugging Face's ``{"bytes": ..., "path": ...}``, or a list of one of these. With ``data.label_separator`` the
    label is a text that is split at the separator, or a list of labels.
    """
    columns, problems = data.columns, []

    def convert(column: str | None, conversion: Callable[[Any], _T], default: _T) -> _T:
        try:
            return conversion(values.get(column)) if column else default
        except RowError as error:
            problems.append((error.reason, f"column '{column}' {error.detail}"))
            return default

    def text(column: str | None) -> str:
        return convert(column, _text, "")

    no_image: tuple[str, bytes | None] = ("", None)
    image, content = convert(columns.image, _image, no_image)
    return Row(
        number,
        id=text(columns.id) or image,
        image=image,
        description=text(columns.description),
        labels=convert(columns.label, partial(_labels, separator=data.label_separator), ()),
        group=text(data.split_by).strip() or None,
        split=text(columns.split).strip() or None,
        content=content,
        problem=problems[0] if problems else None,
    )


def check_columns(names: Iterable[str], data: DataOptions, source: str) -> None:
    """Checks that the source has every column that the options name, and has none of them twice.

    Raises:
        CatalogueError: it has not; the message names the setting and the nearest column.
    """
    names = [printable(name) for name in names]
    times = Counter(names)
    if doubled := sorted(column for column in set(data.used_columns.values()) if times[column] > 1):
        raise CatalogueError(f"data.catalogue: '{source}' names the columns {doubled} twice")
    for setting, column in data.used_columns.items():
        if column not in names:
            raise CatalogueError(
                f"{setting}: the catalogue '{source}' has no column '{column}'; {nearest(column, names)}"
                f"its columns are {', '.join(names) or 'none'}"
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
            f"data.catalogue: '{chunk.source}' changed while it was read: {count} rows where there were {chunk.rows}, "
            f"from row {chunk.first_row} on; run again"
        )


def sample_by_reading(reader: Reader, source: str, data: DataOptions) -> Iterator[RawValues]:
    """Implements ``Reader.sample`` by ``cut`` and ``read``, for kinds without columns of their own."""
    with TemporaryDirectory() as folder:
        for chunk in reader.cut(source, 0, data, os.path.join(folder, "spool")):
            for row in reader.read(chunk, data):
                image = row.image if row.content is None else row.content
                yield {"image": image, "description": row.description, "label": next(iter(row.labels), "")}


@contextmanager
def catalogue_errors(source: str) -> Iterator[None]:
    """Raises what goes wrong with the file of a source, inside the ``with`` block, as a ``CatalogueError``."""
    try:
        yield
    except FileNotFoundError:
        raise CatalogueError(f"data.catalogue: there is no file '{source}'") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CatalogueError(f"data.catalogue: '{source}' cannot be read: {reason}") from None


def _text(value: Any) -> str:
    """A raw value as text.

    Raises:
        RowError: it cannot be; the detail is a phrase that follows the name of the column.
    """
    if isinstance(value, str):
        text = value
    elif value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    elif isinstance(value, bool):
        return "true" if value else "false"
    elif isinstance(value, bytes):
        text = value.decode(errors="surrogateescape")
    elif isinstance(value, (dict, list, tuple)):
        raise RowError("malformed_row", _wrong_type(value))
    else:
        return str(value)
    if not _is_utf8(text):
        raise RowError("bad_encoding", "is not valid UTF-8")
    return text


def _labels(value: Any, separator: str | None) -> tuple[str, ...]:
    """The labels of a row, each once, sorted, so that their order in the catalogue changes no record."""
    if separator is None:
        if isinstance(value, (list, tuple)):
            raise RowError("malformed_row", f"{_wrong_type(value)}, or data.label_separator for several labels")
        texts = [_text(value)]
    elif isinstance(value, (list, tuple)):
        texts = [_text(item) for item in value]
    else:
        texts = _text(value).split(separator)
    return tuple(sorted({text.strip() for text in texts} - {""}))


def _image(value: Any) -> tuple[str, bytes | None]:
    """The path or name of an image, and its bytes if the value holds them."""
    if isinstance(value, (list, tuple)):
        if len(value) > 1:
            raise RowError("several_images", f"holds {len(value)} images")
        value = value[0] if value else None
    if isinstance(value, bytes):
        return "", value
    if isinstance(value, dict):
        content = value.get("bytes")
        if not (content is None or isinstance(content, bytes)) or not value.keys() & {"bytes", "path"}:
            raise RowError("malformed_row", "holds a dict; a path or bytes are needed")
        return _text(value.get("path")), content
    return _text(value), None


def _wrong_type(value: Any) -> str:
    return f"holds a {type(value).__name__}; a text or number is needed"


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
