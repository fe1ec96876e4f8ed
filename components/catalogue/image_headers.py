"""The header of an image file: its format, its limits and its orientation, without decoding a pixel."""

from __future__ import annotations

import contextlib
import io
import re
import struct
from functools import cache
from typing import Any, cast

from PIL import Image, JpegImagePlugin, TiffImagePlugin

from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.options import Limits

# Formats that are read, by Pillow's names.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
# Patterns of the first bytes of formats that are not read and that Pillow may not identify.
_OTHER_FORMATS = {
    "PDF": rb"%PDF-",
    "SVG": rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]",
    "HEIF": rb"....ftyp(hei|hev|mif1|msf1)",
    "AVIF": rb"....ftypavi[fs]",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
}
_PREFIX_BYTES = 4096
_ORIENTATION_TAG = 0x0112
# Pillow's modes that are read, besides those of 16 bits a sample. Modes with more bits, or with colours that need a
# profile, are not read.
_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
_GIF_EXTENSION = 0x21
_GIF_IMAGE = 0x2C


@cache
def openers() -> dict[str, Any]:
    """Pillow's classes by format. ``Image.open`` would hide why one failed, and has a limit of pixels of its own."""
    Image.init()
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    # Pillow's own opener would take a JPEG file of several images for another format.
    jpeg = {"JPEG": (JpegImagePlugin.JpegImageFile, Image.OPEN["JPEG"][1])}
    return jpeg | {name: Image.OPEN[name] for name in _FORMATS if name in Image.OPEN and name != "JPEG"}


def open_header(data: bytes) -> Image.Image:
    """Reads the header. If it is broken, it raises what Pillow raises."""
    accepting = [opener for opener, accepts in openers().values() if accepts(data[:_PREFIX_BYTES]) is True]
    if not accepting:
        raise _unknown_format_error(data)
    # Files of AVIF and HEIF begin in the same way: each class is tried.
    *likely, last = accepting
    for opener in likely:
        with contextlib.suppress(SyntaxError):
            return cast(Image.Image, opener(io.BytesIO(data), ""))
    return cast(Image.Image, last(io.BytesIO(data), ""))


def _unknown_format_error(data: bytes) -> ImageError:
    prefix = data[:_PREFIX_BYTES]
    known = {name: accepts for name, (_, accepts) in Image.OPEN.items() if accepts is not None}
    for name, accepts in known.items():
        # Some of these functions look at bytes that short files do not have.
        with contextlib.suppress(IndexError, struct.error):
            if accepts(prefix):
                return ImageError("unsupported_image", f"{name} is not read")
    for name, pattern in _OTHER_FORMATS.items():
        if re.match(pattern, prefix, re.DOTALL | re.IGNORECASE):
            return ImageError("unsupported_image", f"{name} is not read")
    return ImageError("not_an_image", f"begins with {data[:16]!r}")


def check_limits(image: Image.Image, data: bytes, limits: Limits) -> None:
    """Checks the size, the samples and the number of frames.

    Raises:
        ImageError: they exceed the limits, or are of a kind that is not read.
    """
    width, height = image.size
    if min(width, height) < limits.min_side:
        raise ImageError("too_small", f"{width:,} x {height:,} pixels, {limits.min_side} a side are needed")
    if image.mode not in _MODES and not image.mode.startswith("I;16"):
        raise ImageError("unsupported_image", f"its samples are of Pillow's mode {image.mode}")
    if _has_more_frames(image, data, limits.frames):
        raise ImageError("animated", f"more than {limits.frames:,} frames")


def _has_more_frames(image: Image.Image, data: bytes, limit: int) -> bool:
    if image.format == "GIF":
        return _count_gif_frames(data, limit + 1) > limit
    if image.format == "TIFF":
        # The frames are a chain, which Pillow follows as far as it is asked to. It then forgets the first frame, so
        # another object is used.
        try:
            TiffImagePlugin.TiffImageFile(io.BytesIO(data), "").seek(limit)
        except EOFError:
            return False
        return True
    return bool(getattr(image, "n_frames", 1) > limit)


def _count_gif_frames(data: bytes, limit: int) -> int:
    """Counts the frames of a GIF file, up to a limit, without decoding them (GIF89a specification, appendix B)."""
    frames, at = 0, 13 + _colour_table_bytes(data[10])
    while at < len(data) and frames < limit:
        if data[at] == _GIF_EXTENSION:
            at = _after_blocks(data, at + 2)
        elif data[at] == _GIF_IMAGE and at + 9 < len(data):
            frames += 1
            at = _after_blocks(data, at + 11 + _colour_table_bytes(data[at + 9]))
        else:
            break
    return frames


def _colour_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def read_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        # The pixels are whole although EXIF is broken. Pillow raises SyntaxError, struct.error and more for it.
        return 1
    return int(value) if value in range(1, 9) else 1
