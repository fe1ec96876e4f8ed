"""JPEG files: what identifies the picture, and decoding it at a fraction of its size."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from PIL import Image, JpegImagePlugin

from diptych.components.catalogue.image_colours import Pixels
from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.jpeg_segments import METADATA, SOS, Segment, read_segments
from diptych.components.catalogue.jpeg_stray_bytes import without_stray_bytes

# Encoders write up to ten scans. A scan may hold few bytes, but costs the decoder a pass over the whole image.
_MAX_SCANS = 100
# Warnings of libjpeg about files that have all their pixels.
_HARMLESS_WARNINGS = re.compile(r"determine subsampling|Adobe color transform|Invalid SOS parameters")
_UNKNOWN_REVISION = "unknown JFIF revision"
_JFIF = b"JFIF\0"
# Components of these names hold red, green and blue if nothing else says what they hold.
_RGB_NAMES = tuple(b"RGB")


def picture_segments(data: bytes) -> list[Segment]:
    """The segments of a JPEG file without its metadata.

    Raises:
        ImageError: the file has too many scans to be decoded.
    """
    segments = [segment for segment in read_segments(data) if segment.marker not in METADATA]
    scans = sum(segment.marker == SOS for segment in segments)
    if scans > _MAX_SCANS:
        raise ImageError("too_slow", f"{scans:,} scans, {_MAX_SCANS} are allowed")
    return segments


def digest_segments(data: bytes, segments: Iterable[Segment], appearance: str) -> str:
    """SHA-256 of the coded picture in a JPEG file, hexadecimal.

    Args:
        segments: ``picture_segments`` of the file.
        appearance: what else decides on the pixels.
    """
    view, digest = memoryview(data), hashlib.sha256(f"JPEG {appearance}:".encode())
    for segment in segments:
        digest.update(view[segment.start : segment.stop])
    return digest.hexdigest()


def colour_coding(image: Image.Image) -> str:
    """How channels are coded, as libjpeg finds it in metadata: equal coded pictures have other colours by it."""
    adobe = image.info.get("adobe_transform", "unknown") if "adobe" in image.info else None
    if image.mode == "CMYK":
        return f"CMYK {adobe}"
    if image.mode != "RGB" or "jfif" in image.info:
        return image.mode
    names = tuple(layer[0] for layer in image.layer) if isinstance(image, JpegImagePlugin.JpegImageFile) else ()
    is_rgb = adobe == 0 if adobe is not None else names == _RGB_NAMES
    return "RGB, not transformed" if is_rgb else "RGB"


def decode_jpeg(image: Image.Image, data: bytes, ratio: int) -> Pixels:
    """Decodes a JPEG file at 1/ratio of its size, rounded up.

    Args:
        image: its header.

    Returns:
        uint8; grey ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]``.

    Raises:
        ValueError: the file is damaged.
    """
    # TurboJPEG takes these for the least size. At ratio 1 they would make it choose other fractions for sides below 8.
    size = {"min_width": -(-image.width // ratio), "min_height": -(-image.height // ratio)} if ratio > 1 else {}
    try:
        # Strict is the default: without it, the rest of a truncated file would be grey.
        pixels: Pixels = simplejpeg.decode_jpeg(data, {"L": "GRAY"}.get(image.mode, image.mode), **size)
    except ValueError as error:
        is_old = _UNKNOWN_REVISION in str(error)
        clean = _with_known_revision(data) if is_old else without_stray_bytes(data, str(error))
        if clean is not None and clean != data:
            return decode_jpeg(image, clean, ratio)
        if not _HARMLESS_WARNINGS.search(str(error)):
            raise
        pixels = _decode_by_pillow(image, ratio)
    # Files with Adobe's marker hold inverted CMYK.
    return np.invert(pixels) if image.mode == "CMYK" and "adobe" in image.info else pixels


def _with_known_revision(data: bytes) -> bytes:
    """The file as one of JFIF 1.01: libjpeg warns of another revision, and tells its first warning only."""
    for segment in read_segments(data):
        revision = segment.start + 4 + len(_JFIF)
        if data[segment.start + 4 : revision] == _JFIF:
            data = data[:revision] + b"\x01\x01" + data[revision + 2 :]
    return data


def _decode_by_pillow(image: Image.Image, ratio: int) -> Pixels:
    """As ``decode_jpeg``, for a file that simplejpeg refuses. Pillow notices a truncated file, but no other damage."""
    image.draft(None, (max(1, image.width // ratio), max(1, image.height // ratio)))
    pixels: Pixels = np.atleast_3d(np.asarray(image))
    # Pillow inverts every CMYK image.
    return np.invert(pixels) if image.mode == "CMYK" else pixels
