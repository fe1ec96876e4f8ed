"""Text catalogues as lines that know their bytes, so that many workers can read one file, each from its own byte on."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from diptych.components.catalogue.options import DataOptions, FetchOptions
from diptych.components.catalogue.readers.rows import CatalogueError, reading
from diptych.components.catalogue.storage import open_file, write_stream

_BLOCK = 1 << 20
_BAD_BYTES = "diptych.components.example_gen.bad_bytes"


class Lines:
    """Lines of UTF-8 text, with the line ends they have: ``\\n``, ``\\r\\n`` or ``\\r``.

    Bytes that are no UTF-8 become lone surrogates, so that the one row that has them is rejected, not the file.

    Attributes:
        position: byte of the file where the last line given ends.
    """

    def __init__(self, text: io.TextIOWrapper, start: int, stop: int | None) -> None:
        self._text, self.position, self._stop = text, start, stop

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.position += len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))
            yield line
            if self.position == self._stop:
                return


@contextmanager
def open_lines(uri: str, fetch: FetchOptions, start: int = 0, stop: int | None = None) -> Iterator[Lines]:
    """Opens a UTF-8 file, whose byte order mark is no text, to read its lines from one byte to another.

    Raises:
        OSError: it cannot be read.
    """
    with open_file(uri, fetch) as file:
        start = start or (len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0)
        file.seek(start)
        with io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="") as text:
            yield Lines(text, start, stop)


def spool_text(source: str, data: DataOptions, spool: str) -> str:
    """The spool, if the source had to be copied to it as plain UTF-8; nothing, if the source is that itself.

    In UTF-16 and the like no byte is a line's end, and compressed files are read from their start only.

    Raises:
        CatalogueError: the source cannot be read or is not in the encoding that the settings name.
    """
    if data.encoding in ("utf-8", "utf-8-sig") and not is_compressed(source):
        return ""
    with open_text(source, data) as text, write_stream(spool) as copy:
        while block := text.read(_BLOCK):
            # Unlike the bytes they stand for, encoded surrogates cannot happen to be good UTF-8.
            copy.write(block.encode("utf-8", "surrogatepass"))
    return spool


@contextmanager
def open_text(source: str, data: DataOptions) -> Iterator[io.TextIOWrapper]:
    """Opens a text catalogue from its start, decompressed; bytes that do not fit its encoding become lone surrogates.

    Raises:
        CatalogueError: it cannot be read.
    """
    # "surrogateescape" keeps bytes from 128 on only; those that are wrong in UTF-16 may be any.
    codecs.register_error(_BAD_BYTES, _lone_surrogate)
    encoding = "utf-8-sig" if data.encoding == "utf-8" else data.encoding
    with reading(source), open_file(source, data.fetch) as file:
        plain = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_compressed(source) else file
        try:
            text = io.TextIOWrapper(plain, encoding, errors=_BAD_BYTES, newline="")
        except LookupError as error:
            raise CatalogueError(f"data.encoding: {error}") from None
        try:
            yield text
        except UnicodeError as error:
            raise CatalogueError(f"data.encoding: '{source}' cannot be read as {data.encoding}: {error}") from None
        finally:
            text.close()


def is_compressed(source: str) -> bool:
    """Whether the name says that the file is a gzip file."""
    return source.lower().endswith(".gz")


def _lone_surrogate(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end
