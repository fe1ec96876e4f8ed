"""Files that belong to one row: its image, and files of the same name beside it that hold its text and other fields."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diptych.components.catalogue.image_paths import use_image_file
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.jsonlines import parse_row
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.storage import (
    FetchError,
    OutsideRootError,
    TooLargeError,
    read_file,
    resolve_below,
)

#: Extensions of image files, in lower case.
IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
#: Extension of a file that holds a row's description.
TEXT_EXTENSION = ".txt"
#: Extension of a file that holds an object, whose keys are columns.
FIELDS_EXTENSION = ".json"

# Folders that macOS, Synology, Windows and Linux make of their own; there are images in some of them.
_FOLDERS_OF_SYSTEMS = frozenset(
    {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
)


def is_hidden(name: str) -> bool:
    """Whether what has this name in a folder is none of a person's files."""
    return name.startswith(".") or name.lower() in _FOLDERS_OF_SYSTEMS


def is_image_name(path: str) -> bool:
    """Whether a file has the name of an image."""
    return os.path.splitext(path)[1].lower() in IMAGE_EXTENSIONS


def has_image_ending(path: str) -> bool:
    """Whether a path, or a URL with a query, ends as image files do."""
    return is_image_name(path) or is_image_name(path.partition("?")[0])


def read_row_file(root: str, path: str, data: DataOptions) -> bytes:
    """The content of a file that a row names.

    Args:
        root: URI of the folder that the path is relative to, and may not leave.

    Raises:
        RowError: the file cannot be read, may not be read, or is larger than ``data.limits.file_mb``.
    """
    with _row_errors(path):
        return read_file(resolve_below(root, path), data.fetch, data.limits.file_bytes)


def read_image_file(root: str, path: str, data: DataOptions) -> bytes:
    """The content of a row's image file, which ``diptych.components.catalogue.image_paths`` finds.

    Args:
        root: URI of the folder that the path is relative to, and may not leave.

    Raises:
        RowError: the file cannot be found or read, may not be read, or is larger than ``data.limits.file_mb``.
    """
    with _row_errors(path):
        return use_image_file(root, path, data, lambda uri: read_file(uri, data.fetch, data.limits.file_bytes))


@contextmanager
def _row_errors(path: str) -> Iterator[None]:
    try:
        yield
    except RowError:
        raise
    except OutsideRootError as error:
        raise RowError("outside_root", str(error)) from None
    except TooLargeError as error:
        raise RowError("too_large", f"'{path}' holds {error}") from None
    except FetchError as error:
        raise RowError("fetch_failed", str(error)) from None
    except (FileNotFoundError, NotADirectoryError):
        raise RowError("missing_file", f"there is no file '{path}'") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RowError("unreadable_file", f"'{path}' cannot be read: {reason}") from None


def parse_text(content: bytes, name: str, data: DataOptions) -> str:
    """The text of a file, without the line ending that text files end with.

    Args:
        name: of the file, for the error.

    Raises:
        RowError: it is not in the encoding that ``data.encoding`` names.
    """
    encoding = "utf-8-sig" if data.encoding == "utf-8" else data.encoding
    try:
        text = content.decode(encoding)
    except UnicodeError:
        raise RowError("bad_encoding", f"'{name}' is not valid {data.encoding}") from None
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")


def parse_fields(content: bytes, name: str, data: DataOptions) -> dict[str, Any]:
    """The fields of a file that holds one JSON object, without those that are null.

    Args:
        name: of the file, for the error.

    Raises:
        RowError: it holds anything else.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeError:
        raise RowError("bad_encoding", f"'{name}' is not valid UTF-8") from None
    fields, problem = parse_row(text, data)
    if problem:
        raise RowError("malformed_row", f"'{name}': {problem}")
    return {key: value for key, value in fields.items() if value is not None}
