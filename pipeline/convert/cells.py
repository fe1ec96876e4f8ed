"""Values of a legacy dataset as cells of a Parquet catalogue: an image, or a text."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from PIL import Image

Pixels = np.ndarray[Any, Any]


class ImageCell(TypedDict):
    """An image as Hugging Face's datasets hold it: the bytes of an image file, its path, or both."""

    bytes: bytes | None
    path: str | None


class CellError(ValueError):
    """The value is no image or text; the message follows the name of the column."""


@dataclass(frozen=True)
class PixelFormat:
    """How the numbers of arrays are meant.

    Attributes:
        scale: what numbers other than uint8 are multiplied by to reach from 0 to 255.
        is_bgr: whether blue comes first, as in OpenCV's arrays.
    """

    scale: float
    is_bgr: bool


def find_scale(images: Iterable[Any]) -> float:
    """The scale of ``PixelFormat``: 255 if no number in the dataset exceeds 1, apart from uint8 arrays, else 1.

    A single image does not tell: it may be dark.
    """
    arrays = (array for array in map(_to_array, images) if array is not None and array.dtype != np.uint8)
    return 255 if max((_largest(array) for array in arrays), default=255) <= 1 else 1


def _largest(array: Pixels) -> float:
    finite = array[np.isfinite(array)]
    return float(finite.max()) if finite.size else 0


def image_cell(value: Any, pixel_format: PixelFormat) -> ImageCell:
    """The cell of an image.

    Args:
        value: a path, the bytes of an image file, an array or nested lists of pixels, or a mapping with ``bytes`` and
            ``path``.

    Raises:
        CellError: it is none of them, or has another shape or range.
    """
    if isinstance(value, Mapping):
        content, path = value.get("bytes"), value.get("path")
        held = None if content is None else _image_file(content, pixel_format)
        return {"bytes": held, "path": _path(path if isinstance(path, str) else "", content)}
    if isinstance(value, (str, np.bytes_)):
        return {"bytes": None, "path": _path(value, None)}
    return {"bytes": _image_file(value, pixel_format), "path": None}


def _path(value: str | bytes, content: Any) -> str | None:
    path = text_cell(value) or None
    if path is None and content is None:
        raise CellError("has no image")
    return path


def _image_file(value: Any, pixel_format: PixelFormat) -> bytes:
    if isinstance(value, (bytes, bytearray)) and value:
        return bytes(value)
    array = _to_array(value)
    if array is None:
        raise CellError(f"holds a {type(value).__name__} where pixels, bytes or a path are needed")
    is_file = array.ndim == 1 and array.dtype == np.uint8
    return array.tobytes() if is_file else _encode_png(array, pixel_format)


def _to_array(value: Any) -> Pixels | None:
    """Numbers as an array; None if the value is anything else."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return None
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "buif" else None


def _encode_png(array: Pixels, pixel_format: PixelFormat) -> bytes:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not is_image or 0 in array.shape:
        raise CellError(f"has the shape {list(array.shape)}; needed are height, width and 1, 3 or 4 channels")
    if array.dtype != np.uint8:
        array = np.rint(array.astype(np.float64) * pixel_format.scale)
        # NaN compares as neither.
        if not (array.min() >= 0 and array.max() <= 255):
            raise CellError("has pixels outside 0 to 255, or 0 to 1; undo their normalisation")
    if array.ndim == 3 and pixel_format.is_bgr:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def text_cell(value: Any) -> str | None:
    """The cell of any other value; None where it is None or NaN.

    Bytes are read as UTF-8, else as Latin-1. Containers and arrays become JSON.

    Raises:
        CellError: it cannot be written as text.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (bytes, bytearray)):
        value = _decode(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        is_scalar = isinstance(value, (str, int, float, complex))
        text = str(value) if is_scalar else json.dumps(value, ensure_ascii=False, default=_to_json)
        text.encode()
    except UnicodeEncodeError:
        raise CellError("holds characters that do not exist") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise CellError(f"holds a {type(value).__name__} that is no text: {error}") from None
    return text


def _decode(content: bytes | bytearray) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _to_json(value: Any) -> Any:
    """What replaces a value that JSON has no form for; the ``default`` of ``json.dumps``."""
    if isinstance(value, (bytes, bytearray)):
        return _decode(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, complex):
        return str(value)
    raise TypeError(f"it holds a {type(value).__name__}")
