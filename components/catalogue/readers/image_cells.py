"""The images in a cell: paths, bytes, data URIs and Base64, one or several of them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.cell_text import as_text
from diptych.components.catalogue.readers.written_lists import is_written_list, parse_written_list
from diptych.components.catalogue.reasons import RowError
from diptych.models.counts import pluralize

#: The path or name of an image, and the bytes of the image file if the cell itself holds them.
ImageCell = tuple[str, bytes | None]

_DATA_URI = re.compile(r"\s*data:[\w.+-]*(?:/[\w.+-]*)?(?:;[^,;]*)*,", re.IGNORECASE)
# The first bytes of JPEG, PNG, GIF and WebP files in Base64. No path that leads to a file below a root begins so.
_BASE64_BEGINNING = re.compile(r"/9j/|iVBORw0KGgo|R0lGOD[dl]h|UklGR")
# What those begin with, and lists that are written in a cell.
_UNLIKE_A_PATH = re.compile(r"\s*(?:[\[({]|(?i:data:)|/9j/|iVBORw0KGgo|R0lGOD|UklGR)")


def parse_images(value: Any, data: DataOptions) -> list[ImageCell]:
    """The images in the value of a row's image column.

    Args:
        value: a path, bytes, ``{"bytes": ..., "path": ...}``, a list of these, or a text that holds several paths.

    Raises:
        RowError: there are several images where one is asked for, or the value holds none that can be read; the detail
            is a phrase that follows the name of the column.
    """
    if isinstance(value, str) and not (data.paths.separator or _UNLIKE_A_PATH.match(value)):
        return [(as_text(value), None)] if value else []
    images = [image for item in _items(value, data) if (image := _parse_image(item, data)) != ("", None)]
    if len(images) > 1 and data.paths.several == "reject":
        raise RowError("several_images", f"holds {pluralize(len(images), 'image')}")
    return images[:1] if data.paths.several == "first" else images


def _items(value: Any, data: DataOptions) -> Iterable[Any]:
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, str):
        if is_written_list(value):
            return _written_paths(value)
        if data.paths.separator:
            return [part.strip() for part in value.split(data.paths.separator)]
    return [value]


def _written_paths(text: str) -> list[Any]:
    """The paths of a list that is written in a cell; other texts in brackets are paths as they are."""
    try:
        items = parse_written_list(text)
    except ValueError:
        return [text]
    return items if all(isinstance(item, str) or item is None for item in items) else [text]


def _parse_image(value: Any, data: DataOptions) -> ImageCell:
    if isinstance(value, bytes):
        return "", _checked(value, data)
    if isinstance(value, dict):
        content = value.get("bytes")
        if not (content is None or isinstance(content, bytes)) or not value.keys() & {"bytes", "path"}:
            raise RowError("malformed_row", "holds a dict; a path or bytes are needed")
        return as_text(value.get("path")), _checked(content, data)
    text = as_text(value)
    if uri := _DATA_URI.match(text):
        return "", _decode_data_uri(uri[0], text[uri.end() :], data)
    if _BASE64_BEGINNING.match(text) and (content := _decode_base64(text, data)):
        return "", content
    return text, None


def _checked(content: bytes | None, data: DataOptions) -> bytes | None:
    """The content of an image file, if it is not too large to be held until it is decoded."""
    if content is not None and len(content) > data.limits.file_bytes:
        raise RowError("too_large", f"holds an image of {len(content) / 1e6:,.1f} MB")
    return content


def _decode_data_uri(head: str, content: str, data: DataOptions) -> bytes:
    if not head.lower().endswith(";base64,"):
        raise RowError("unsupported_image", f"holds '{head.strip()}...', which is not in Base64")
    if decoded := _decode_base64(content, data):
        return decoded
    raise RowError("corrupt", f"holds '{head.strip()}...', which is not whole")


def _decode_base64(text: str, data: DataOptions) -> bytes | None:
    """The bytes that a text stands for; None if it is no Base64."""
    if len(text) > 2 * data.limits.file_bytes:
        raise RowError("too_large", f"holds an image of {len(text) * 3 / 4e6:,.1f} MB")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
