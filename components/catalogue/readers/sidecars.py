"""What folders and archives have in common: an image is a file, and files of the same name beside it say the rest."""

from __future__ import annotations

import gzip
import shutil
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.jsonlines import parse_object
from diptych.components.catalogue.storage import (
    FetchError,
    OutsideRootError,
    TooLargeError,
    open_file,
    read_file,
    resolve_below,
    write_stream,
)

#: Endings of image files, in lower case.
IMAGE_ENDINGS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
TEXT_ENDING = ".txt"
FIELDS_ENDING = ".json"

_GZIP = b"\x1f\x8b\x08"


class PartError(ValueError):
    """A file that belongs to a row cannot be used: one of ``catalogue.reasons``, and its detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        # File names may hold bytes that are no UTF-8.
        self.problem = (reason, printable(detail))


def most_bytes(data: DataOptions) -> int:
    """The largest file that is read for a row."""
    return int(data.limits.file_mb * 1e6)


def read_below(root: str, name: str, data: DataOptions) -> bytes:
    """The content of a file below a root.

    Raises:
        PartError: it may not or cannot be read.
    """
    try:
        return read_file(resolve_below(root, name), data.fetch, most_bytes(data))
    except OutsideRootError as error:
        raise PartError("outside_root", str(error)) from None
    except TooLargeError as error:
        raise PartError("too_large", f"'{name}' holds {error}") from None
    except FetchError as error:
        raise PartError("fetch_failed", str(error)) from None
    except FileNotFoundError:
        raise PartError("missing_file", f"there is no file '{name}'") from None
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise PartError("unreadable_file", f"'{name}' cannot be read: {told}") from None


def text_of(content: bytes, name: str, data: DataOptions) -> str:
    """The text of a file, without the line ending that text files end with.

    Raises:
        PartError: it is not in the declared encoding.
    """
    encoding = "utf-8-sig" if data.encoding == "utf-8" else data.encoding
    try:
        text = content.decode(encoding)
    except UnicodeError:
        raise PartError("bad_encoding", f"'{name}' is not valid {data.encoding}") from None
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")


def fields_of(content: bytes, name: str) -> dict[str, Any]:
    """The fields of a file that holds one JSON object; a field that is null says nothing and is left out.

    Raises:
        PartError: it holds anything else.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeError:
        raise PartError("bad_encoding", f"'{name}' is not valid UTF-8") from None
    fields, problem = parse_object(text)
    if problem:
        raise PartError("malformed_row", f"'{name}': {problem}")
    return {key: value for key, value in fields.items() if value is not None}


def printable(name: str) -> str:
    """A name whose bytes that are no UTF-8 are shown as question marks."""
    return name.encode(errors="replace").decode()


def is_gzip(head: bytes) -> bool:
    """Whether a file that begins like this is compressed by gzip."""
    return head.startswith(_GZIP)


def unzip(source: str, target: str, data: DataOptions) -> None:
    """Writes the content of a gzip file to another one.

    Raises:
        OSError, EOFError, zlib.error: it is broken, or the disk is full.
    """
    with open_file(source, data.fetch) as file, gzip.open(file) as content, write_stream(target) as copy:
        shutil.copyfileobj(content, copy, 1 << 20)
