"""Text catalogues as lines whose positions in bytes are known: each worker can read a file from a byte of its own."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from diptych.components.catalogue.options import DataOptions, FetchOptions
from diptych.components.catalogue.readers.gzip_files import has_gzip_name
from diptych.components.catalogue.readers.rows import CatalogueError, catalogue_errors
from diptych.components.catalogue.storage import open_file, write_stream

_COPY_CHARACTERS = 1 << 20
# Name of the codecs error handler that is registered for bytes outside the encoding.
_REPLACE_BY_SURROGATE = "diptych.components.catalogue.replace_by_surrogate"


class Lines:
    """Iterates over lines of UTF-8 text, with the line ends they have: ``\\n``, ``\\r\\n`` or ``\\r``.

    Bytes that are not UTF-8 become lone surrogates, so that only the row that has them is rejected, not the file.

    Attributes:
        position: offset in the file, in bytes, of the end of the last line that was given.
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
    """Opens a UTF-8 file to read the lines between two bytes; a byte order mark at its start is left out.

    Raises:
        OSError: it cannot be read.
    """
    with open_file(uri, fetch) as file:
        start = start or (len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0)
        file.seek(start)
        with io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="") as text:
            yield Lines(text, start, stop)


def spool_text(source: str, data: DataOptions, spool: str) -> str:
    """Copies a source that is not plain UTF-8 to a spool that is.

    In UTF-16 and the like no single byte ends a line, and compressed files can only be read from their start.

    Returns:
        The spool, or an empty text if the source itself is plain UTF-8 and nothing was copied.

    Raises:
        CatalogueError: the source cannot be read or is not in the encoding that ``data.encoding`` names.
    """
    if data.encoding in ("utf-8", "utf-8-sig") and not has_gzip_name(source):
        return ""
    with open_text(source, data) as text, write_stream(spool) as copy:
        while block := text.read(_COPY_CHARACTERS):
            # Bytes that were wrong must stay wrong: encoded surrogates are never good UTF-8.
            copy.write(block.encode("utf-8", "surrogatepass"))
    return spool


@contextmanager
def open_text(source: str, data: DataOptions) -> Iterator[io.TextIOWrapper]:
    """Opens a text catalogue at its start, decompressed; bytes outside its encoding become lone surrogates.

    Raises:
        CatalogueError: it cannot be read.
    """
    # Not "surrogateescape", which keeps bytes from 128 on only: bytes that are wrong in UTF-16 may have any value.
    codecs.register_error(_REPLACE_BY_SURROGATE, _replace_by_surrogate)
    encoding = "utf-8-sig" if data.encoding == "utf-8" else data.encoding
    with catalogue_errors(source), open_file(source, data.fetch) as file:
        plain = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if has_gzip_name(source) else file
        try:
            text = io.TextIOWrapper(plain, encoding, errors=_REPLACE_BY_SURROGATE, newline="")
        except LookupError as error:
            raise CatalogueError(f"data.encoding: {error}") from None
        try:
            yield text
        except UnicodeError as error:
            raise CatalogueError(f"data.encoding: '{source}' cannot be read as {data.encoding}: {error}") from None
        finally:
            text.close()


def _replace_by_surrogate(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end
