"""The members of tar archives, read one after another without unpacking; a damaged archive is refused as a whole."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError, too_large
from diptych.components.catalogue.reasons import printable

# Names and other headers are far smaller; a header that claims to be larger is not read.
_MAX_HEADER_BYTES = 1 << 20
_BLOCK = 1 << 20


def read_members(file: BinaryIO, source: str, start: int, data: DataOptions) -> Iterator[tuple[tarfile.TarInfo, int]]:
    """The archive's members from a position on, each with the position at which the next one begins.

    Folders, hidden files and files with names like ``__this__`` are left out.

    Raises:
        CatalogueError: the archive is damaged or has no end, or its headers are too large.
    """
    end = file.seek(0, io.SEEK_END)
    position = file.seek(start)
    headers = _Headers(file, source, data)
    with _parsing(source, position):
        archive: Any = tarfile.TarFile(fileobj=cast(Any, headers), encoding="utf-8")
    # Asked for another one, tarfile seeks to before the start of an empty archive.
    while archive.firstmember is not None or position > start:
        headers.size = 0
        with _parsing(source, position):
            member = archive.next()
            if member is not None and not position < archive.offset <= end:
                raise tarfile.ReadError(f"'{member.name}' does not end in it")
        if member is None:
            break
        # tarfile would keep all members in memory.
        archive.members.clear()
        if sum(map(len, archive.pax_headers.values())) > _MAX_HEADER_BYTES:
            raise too_large(source, f"headers for all of its files of more than {_MAX_HEADER_BYTES:,} bytes", data)
        position = archive.offset
        if not member.isdir() and not _is_hidden(member.name.removeprefix("./")):
            yield member, position
    _check_end(file, source, position)


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") or (name.startswith("__") and name.endswith("__"))


class _Headers:
    """The part of a file object that ``tarfile`` uses to read headers.

    It refuses to read more than a header can hold, for a damaged archive may claim any size of a header.

    Attributes:
        size: number of bytes that were read since it was set to 0.
    """

    def __init__(self, file: BinaryIO, source: str, data: DataOptions) -> None:
        self._file, self._source, self._data = file, source, data
        self.size = 0
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.size += size
        if self.size > self._data.limits.row_characters:
            raise too_large(self._source, f"the headers of a file have more than {self.size / 1e6:.1f} MB", self._data)
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
