"""Text catalogues as lines whose positions in bytes are known: each worker can read a file from a byte of its own."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO, cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.bounds import open_spool
from diptych.components.catalogue.readers.gzip_files import has_gzip_name
from diptych.components.catalogue.readers.rows import CatalogueError, catalogue_errors, too_large
from diptych.components.catalogue.storage import open_file

_COPY_CHARACTERS = 1 << 20
# Name of the codecs error handler that is registered for bytes outside the encoding.
_REPLACE_BY_SURROGATE = "diptych.components.catalogue.replace_by_surrogate"


class Lines:
    """Iterates over lines of UTF-8 text, with the line ends they have: ``\\n``, ``\\r\\n`` or ``\\r``.

    Bytes that are not UTF-8 become lone surrogates, so that only the row that has them is rejected, not the file.

    Attributes:
        position: offset in the file, in bytes, of the end of the last line that was given.
        row_start: where the row begins that the next line belongs to; None if each line is a row.
    """

    def __init__(
        self, text: io.TextIOWrapper, source: str, data: DataOptions, start: int = 0, stop: int | None = None
    ) -> None:
        """Reads lines of a text.

        Args:
            source: the catalogue's file, for errors.
            start: offset of the first line.
            stop: where lines end; None for the end of the text.
        """
        self._text, self._source, self._data, self._stop = text, source, data, stop
        self.position, self.row_start = start, cast("int | None", None)

    def __iter__(self) -> Iterator[str]:
        """Yields each line.

        Raises:
            CatalogueError: a row is too long.
        """
        limit = self._data.limits.row_characters
        # More is not read of a line that does not end.
        for line in iter(partial(self._text.readline, limit), ""):
            start = self.position if self.row_start is None else self.row_start
            self.position += len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))
            if self.position - start >= limit:
                raise self._too_long(start)
            yield line
            if self.position == self._stop:
                return

    def check_fields(self, count: int) -> None:
        """Checks that a row has no more fields than a row may have values.

        Raises:
            CatalogueError: it has.
        """
        if count > self._data.limits.row_values:
            raise too_large(self._source, f"{count:,} fields in a row", self._data)

    def _too_long(self, start: int) -> CatalogueError:
        size = f"the row that begins at byte {start:,} has more than {self._data.limits.row_characters / 1e6:g} MB"
        hint = "" if self.row_start is None else "; or a quote in it is none, see data.table.quote"
        return too_large(self._source, size + hint, self._data)


@contextmanager
def open_lines(uri: str, source: str, data: DataOptions, start: int = 0, stop: int | None = None) -> Iterator[Lines]:
    """Opens a UTF-8 file to read the lines between two bytes; a byte order mark at its start is left out.

    Args:
        uri: of the source, or of its spool.

    Raises:
        OSError: it cannot be read.
    """
    with open_file(uri, data.fetch, data.limits) as file:
        start = start or (len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0)
        file.seek(start)
        with io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="") as text:
            yield Lines(text, source, data, start, stop)


def spool_text(source: str, data: DataOptions, spool: str) -> str:
    """Copies a source that is not plain UTF-8 to a spool that is.

    In UTF-16 and the like no single byte ends a line, and compressed files can only be read from their start.

    Returns:
        The spool, or an empty text if the source itself is plain UTF-8 and nothing was copied.

    Raises:
        CatalogueError: the source cannot be read, is not in the encoding that ``data.encoding`` names, or is too large.
    """
    if data.encoding in ("utf-8", "utf-8-sig") and not has_gzip_name(source):
        return ""
    with open_text(source, data) as text, open_spool(spool, source, data) as copy:
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
    with catalogue_errors(source), open_file(source, data.fetch, data.limits) as file:
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
