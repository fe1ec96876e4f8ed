"""The colours of decoded images: alpha, colour profiles and backgrounds."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image, ImageCms

#: uint8 ``[height, width, channels]``.
Pixels = np.ndarray[Any, np.dtype[np.uint8]]

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
# A profile whose colours differ from sRGB by at most so many levels of 255 is taken for sRGB.
_SRGB_TOLERANCE = 2
# So many pixels are blended with the background at a time.
_BLEND_PIXELS = 1 << 20
_LEVELS = np.arange(256, dtype=np.uint16)


def split_alpha(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """The colours, grey ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]``, and alpha ``[h, w, 1]`` or None."""
    if image.mode.startswith("I;16"):
        # Not by Pillow's convert, which clips samples of 16 bits to 255.
        return np.atleast_3d((np.asarray(image) >> 8).astype(np.uint8)), None
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return cast(Pixels, cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)), np.ascontiguousarray(rgba[..., 3:])
    if image.mode not in ("L", "CMYK"):
        image = image.convert("RGB")
    return np.atleast_3d(np.asarray(image)), None


def to_srgb(pixels: Pixels, profile: bytes | None) -> Pixels:
    """Converts grey ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]`` to RGB ``[h, w, 3]``."""
    height, width, channels = pixels.shape
    mode = _MODES[channels]
    transform = _srgb_transform(profile, mode) if profile else None
    if transform is None and mode == "RGB":
        return pixels
    image = Image.frombytes(mode, (width, height), pixels.tobytes())
    return np.asarray(ImageCms.applyTransform(image, transform) if transform else image.convert("RGB"))


def is_converted(profile: bytes, channels: int) -> bool:
    """Whether ``to_srgb`` converts pixels of so many channels by a profile."""
    return _srgb_transform(profile, _MODES[channels]) is not None


@lru_cache(maxsize=32)
def _srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from a profile to sRGB; None if it would change little or cannot be made."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != {"L": "GRAY"}.get(mode, mode):
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    return None if mode == "RGB" and _changes_little(transform) else transform


def _changes_little(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether the profile is sRGB up to rounding, as most profiles in files are."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform))
    return bool(np.abs(converted.astype(int) - grid).max() <= _SRGB_TOLERANCE)


def flatten(rgb: Pixels, alpha: Pixels, background: tuple[int, int, int]) -> Pixels:
    """Blends RGB with the background, in the integers that ``diptych.models.images.decoding`` uses in TensorFlow.

    Args:
        rgb: ``[h, w, 3]``.
        alpha: ``[h, w, 1]``.
    """
    flat = np.empty_like(rgb)
    # What background and rounding add, by alpha. The largest sum, 255 * 255 + 127, fits in 16 bits.
    part = ((255 - _LEVELS[:, None]) * np.array(background, np.uint16) + np.uint16(127)).reshape(256, 1, 3)
    rows = max(1, _BLEND_PIXELS // rgb.shape[1])
    for start in range(0, len(rgb), rows):
        band = slice(start, start + rows)
        opacity = cv2.cvtColor(alpha[band], cv2.COLOR_GRAY2RGB)
        sums = cv2.add(cv2.multiply(rgb[band], opacity, dtype=cv2.CV_16U), cv2.LUT(opacity, part))
        flat[band] = sums // np.uint16(255)
    return flat
