"""WebDataset archives: tar files in which files of one name and different endings, next to one another, make a row."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, BinaryIO, cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.gzip_files import decompress, is_gzip
from diptych.components.catalogue.readers.row_files import (
    FIELDS_EXTENSION,
    IMAGE_EXTENSIONS,
    TEXT_EXTENSION,
    parse_fields,
    parse_text,
)
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_row_count,
    cut_chunks,
    make_row,
    sample_by_reading,
)
from diptych.components.catalogue.reasons import RowError, printable
from diptych.components.catalogue.storage import open_file

_LABEL_EXTENSION = ".cls"
# Names and other headers are far smaller; a header that claims to be larger is not read.
_MAX_HEADER_BYTES = 1 << 20
_BLOCK = 1 << 20


@dataclass(frozen=True)
class _Sample:
    """The members of one key, and the byte at which the next sample begins."""

    key: str
    members: list[tarfile.TarInfo]
    stop: int


class WebdatasetReader:
    """Reads tar archives without unpacking them; those that are compressed by gzip are decompressed to ``spool``.

    Consecutive files with the same key are one row. The key is the path up to the first dot of the name; the rest of
    the name is the extension. The image is the file with an image's extension, the description ``.txt``, the label
    ``.cls``; ``.json`` holds an object whose keys are columns, and wins. A column that is named like an extension is
    that file: ``columns.image: thumb.jpg``. Without an id, the key is the id. As in WebDataset, hidden files and files
    with names like ``__this__`` are no rows.

    An archive that is damaged or has no end is refused as a whole, because nobody could tell how many rows are lost.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``."""
        return sample_by_reading(self, source, data)

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``: reads only the headers.

        Raises:
            CatalogueError: there is no such file, or it is no whole archive.
        """
        with catalogue_errors(source):
            copy = _decompressed(source, spool, data)
            with open_file(copy or source, data.fetch) as file:
                whole = Chunk(source_index, 1, 0, source, 0, 0, copy)
                yield from cut_chunks(whole, (sample.stop for sample in _samples(file, source, 0)))

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        with catalogue_errors(chunk.source), open_file(chunk.spool or chunk.source, data.fetch) as file:
            samples = islice(_samples(file, chunk.source, chunk.start), chunk.rows)
            rows = (_row(number, sample, file, data) for number, sample in enumerate(samples, start=chunk.first_row))
            yield from check_row_count(rows, chunk)


def _decompressed(source: str, spool: str, data: DataOptions) -> str:
    """Decompresses a compressed archive; returns the spool, or an empty text if the archive is not compressed."""
    with open_file(source, data.fetch) as file:
        if not is_gzip(file.read(3)):
            return ""
    decompress(source, spool, data)
    return spool


def _samples(file: BinaryIO, source: str, start: int) -> Iterator[_Sample]:
    for key, members in groupby(_members(file, source, start), lambda member: _split(member[0].name)[0]):
        pairs = list(members)
        yield _Sample(key, [member for member, _ in pairs], pairs[-1][1])


def _split(name: str) -> tuple[str, str]:
    """Key and extension of a member; the extension is in lower case and begins with a dot."""
    folder, slash, base = name.removeprefix("./").rpartition("/")
    stem, dot, extension = base.partition(".")
    return folder + slash + stem, dot + extension.lower()


def _members(file: BinaryIO, source: str, start: int) -> Iterator[tuple[tarfile.TarInfo, int]]:
    """The archive's members from a position on, each with the position at which the next one begins."""
    end = file.seek(0, io.SEEK_END)
    position = file.seek(start)
    with _parsing(source, position):
        archive: Any = tarfile.TarFile(fileobj=cast(Any, _Headers(file)), encoding="utf-8")
    # Asked for another one, tarfile seeks to before the start of an empty archive.
    while archive.firstmember is not None or position > start:
        with _parsing(source, position):
            member = archive.next()
            if member is not None and not position < archive.offset <= end:
                raise tarfile.ReadError(f"'{member.name}' does not end in it")
        if member is None:
            break
        # tarfile would keep all members in memory.
        archive.members.clear()
        position = archive.offset
        if not member.isdir() and not _is_hidden(member.name.removeprefix("./")):
            yield member, position
    _check_end(file, source, position)


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") or (name.startswith("__") and name.endswith("__"))


class _Headers:
    """The part of a file object that ``tarfile`` uses to read headers.

    It refuses to read more than a header can hold, for a damaged archive may claim any size of a header.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


@contextmanager
def _parsing(source: str, position: int) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise _broken(source, position, str(error)) from None


def _broken(source: str, position: int, reason: str) -> CatalogueError:
    return CatalogueError(
        f"data.catalogue: '{source}' is no whole tar archive: {printable(reason)}, at byte {position:,} or after; "
        "write or copy it anew"
    )


def _check_end(file: BinaryIO, source: str, position: int) -> None:
    """Checks that only zeros follow: tarfile takes anything that is no header for the end of the archive."""
    file.seek(position)
    size = 0
    while block := file.read(_BLOCK):
        size += len(block)
        if block.strip(b"\0"):
            raise _broken(source, position, "neither a header nor the end")
    if size < tarfile.BLOCKSIZE:
        raise _broken(source, position, "the mark of its end is missing")


def _row(number: int, sample: _Sample, file: BinaryIO, data: DataOptions) -> Row:
    images = _images(sample, data)
    values: dict[str, Any] = {}
    problem = None
    try:
        values = _values(sample, images, file, data)
    except RowError as error:
        problem = error.problem
    row = make_row(number, values, data)
    name = printable(images[0].name) if images else ""
    return replace(row, id=row.id or printable(sample.key), image=name, problem=row.problem or problem)


def _images(sample: _Sample, data: DataOptions) -> list[tarfile.TarInfo]:
    named = "." + data.columns.image.lower()
    found = {_split(member.name)[1] for member in sample.members}
    wanted = {named} if named in found else {extension for extension in found if _last(extension) in IMAGE_EXTENSIONS}
    return [member for member in sample.members if _split(member.name)[1] in wanted]


def _last(extension: str) -> str:
    """The last part of an extension: ``.jpg`` of ``.thumb.jpg``."""
    return "." + extension.rpartition(".")[2]


def _values(sample: _Sample, images: list[tarfile.TarInfo], file: BinaryIO, data: DataOptions) -> dict[str, Any]:
    """The values of a sample by column.

    Raises:
        RowError: a member is missing, is there twice or cannot be used.
    """
    if not images:
        raise RowError(
            "missing_image",
            f"'{sample.members[0].name}' has no image next to it; the files of a row must follow one "
            "another, as 'tar --sort=name' writes them",
        )
    if len(images) > 1:
        raise RowError("several_images", ", ".join(f"'{image.name}'" for image in images[:4]))
    parts: dict[str, tarfile.TarInfo] = {}
    for member in sample.members:
        if parts.setdefault(_split(member.name)[1], member) is not member:
            raise RowError("malformed_row", f"'{member.name}' is there twice")
    values: dict[str, Any] = {}
    defaults = {data.columns.description: TEXT_EXTENSION, data.columns.label: _LABEL_EXTENSION}
    for column in data.used_columns.values():
        part = parts.get("." + column.lower()) or parts.get(defaults.get(column, ""))
        if part and part is not images[0]:
            values[column] = parse_text(_content(part, file, data), part.name, data)
    if fields := parts.get(FIELDS_EXTENSION):
        values |= parse_fields(_content(fields, file, data), fields.name)
    return {**values, data.columns.image: _content(images[0], file, data)}


def _content(member: tarfile.TarInfo, file: BinaryIO, data: DataOptions) -> bytes:
    if not member.isreg() or member.issparse():
        raise RowError(
            "unreadable_file", f"'{member.name}' is a link or the like; the archive must hold the file itself"
        )
    if member.size > data.limits.file_bytes:
        raise RowError("too_large", f"'{member.name}' holds {member.size / 1e6:,.1f} MB")
    file.seek(member.offset_data)
    content = file.read(member.size)
    if len(content) != member.size:
        raise EOFError(f"it ends within '{member.name}'")
    return content
