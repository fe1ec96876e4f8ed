"""How much memory and disk a catalogue may take while it is read, whatever it holds."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.storage import folder_of, is_remote, join, write_stream

# A shorter text cannot hold too many values.
_SMALL = 1 << 20
_MEGABYTE = 1_000_000
# Each of its bytes stands for a megabyte that copies in its folder take: processes append to it at the same time.
_TAKEN_FILE = ".taken"


def has_too_many_values(text: str, data: DataOptions) -> bool:
    """Whether a JSON text may hold more values than a row may have, by the signs that each of them needs one of."""
    return len(text) > _SMALL and sum(map(text.count, ",[{")) > data.limits.row_values


def weight(values: Any) -> int:
    """About how many bytes of memory the values of a row take."""
    if isinstance(values, (str, bytes)):
        return 50 + len(values)
    if isinstance(values, dict):
        return 100 + sum(100 + weight(value) for value in values.values())
    if isinstance(values, (list, tuple)):
        return 60 + sum(8 + weight(value) for value in values)
    return 32


@contextmanager
def open_spool(spool: str, source: str, data: DataOptions) -> Iterator[BinaryIO]:
    """Opens a copy of a source to write, as ``write_stream`` does.

    Raises:
        CatalogueError: while it is written: all copies in its folder take more than ``data.limits.scratch_gb``; in a
            store, only the copy itself counts.
    """
    taken = None if is_remote(spool) else join(folder_of(spool), _TAKEN_FILE)
    with write_stream(spool) as file:
        yield cast(BinaryIO, LimitedFile(file, source, data, taken))


class LimitedFile(io.RawIOBase):
    """A file to write that takes no more than ``data.limits.scratch_gb``."""

    def __init__(self, file: BinaryIO, source: str, data: DataOptions, taken: str | None = None) -> None:
        """Wraps a file.

        Args:
            source: of which it is a copy.
            taken: path of a file that counts the megabytes of all copies; None if this is the only one.
        """
        self._file, self._source, self._data, self._taken = file, source, data, taken
        self._since, self._megabytes = 0, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def write(self, content: Any) -> int:
        """Writes all of it.

        Raises:
            CatalogueError: it would be too much.
        """
        self._since += len(content)
        if self._since >= _MEGABYTE:
            self._take(self._since // _MEGABYTE)
            self._since %= _MEGABYTE
        self._file.write(content)
        return len(content)

    def _take(self, megabytes: int) -> None:
        self._megabytes += megabytes
        taken = _append(self._taken, megabytes) if self._taken else self._megabytes
        if taken > self._data.limits.scratch_gb * 1000:
            raise scratch_error(self._source, self._data)


def scratch_error(source: str, data: DataOptions) -> CatalogueError:
    """The refusal of a source whose copy takes too much of the disk."""
    return CatalogueError(
        f"data.limits.scratch_gb: copies of '{source}' and other files of the catalogue take more than "
        f"{data.limits.scratch_gb:g} GB of the disk; give it uncompressed, or as Parquet, or raise the limit"
    )


def _append(path: str, count: int) -> int:
    with open(path, "ab", buffering=0) as file:
        file.write(bytes(count))
        return os.fstat(file.fileno()).st_size
