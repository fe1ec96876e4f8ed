"""Image files: decode, orient, flatten, resize and measure, with Pillow and numpy."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy.fft import dctn

from models import features
from models.images import JPEG_QUALITY, ImageOptions

# The weights of ITU-R BT.601, which Pillow's mode "L" uses.
_LUMA = np.array([0.299, 0.587, 0.114])


class ImageError(ValueError):
    """The bytes are no image that can be stored; the message says why."""


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    Attributes:
        pixels: uint8 ``[height, width, 3]``, at the size that is stored.
        sha256: of the upright, flattened pixels at their original size, and of that size.
        width: of the original file, in pixels, upright.
        height: likewise.
        format: as Pillow names it, for example ``PNG``.
    """

    pixels: np.ndarray[Any, np.dtype[np.uint8]]
    sha256: str
    width: int
    height: int
    format: str


def decode(data: bytes, options: ImageOptions) -> Picture:
    """Decodes an image file to the stored size.

    Raises:
        ImageError: the bytes are no image Pillow can read whole, or one of more pixels than Pillow takes for safe
            (179 million).
    """
    if not data:
        raise ImageError("the file is empty")
    try:
        image = Image.open(io.BytesIO(data))
        full = _flatten(ImageOps.exif_transpose(image), options.background_rgb)
    except Exception as error:
        # Pillow's plugins raise SyntaxError, struct.error, OverflowError and more on broken files.
        raise ImageError(_plain(error)) from error
    height, width = full.shape[:2]
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(np.ascontiguousarray(full).data)
    return Picture(
        pixels=_resize(full, options),
        sha256=digest.hexdigest(),
        width=width,
        height=height,
        format=image.format or "unknown",
    )


def _plain(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image in a format Pillow knows"
    return str(error) or type(error).__name__


def _flatten(image: Image.Image, background: tuple[int, int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """RGB over the background, with the integer blend that ``models.images`` uses in TensorFlow."""
    if image.mode.startswith("I;16") or image.mode == "I":
        # Pillow clips 16 bits to 255 when it converts; the high byte is what 8 bits can keep.
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    # 255 * 255 + 127 still fits.
    rgba = np.asarray(image.convert("RGBA")).astype(np.uint16)
    alpha = rgba[..., 3:]
    blended = (rgba[..., :3] * alpha + np.array(background, np.uint16) * (255 - alpha) + 127) // 255
    return blended.astype(np.uint8)


def _resize(pixels: np.ndarray[Any, np.dtype[np.uint8]], options: ImageOptions) -> np.ndarray[Any, np.dtype[np.uint8]]:
    size = (options.width, options.height)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def encode(pixels: np.ndarray[Any, np.dtype[np.uint8]], options: ImageOptions) -> bytes:
    """The stored bytes of uint8 ``[height, width, 3]`` pixels."""
    if options.encoding == "raw":
        return pixels.tobytes()
    buffer = io.BytesIO()
    lossy = {"quality": JPEG_QUALITY, "subsampling": 0} if options.encoding == "jpeg" else {}
    Image.fromarray(pixels).save(buffer, options.encoding, **lossy)
    return buffer.getvalue()


def measure(picture: Picture) -> Mapping[str, int | float]:
    """Perceptual hash and health of the stored pixels, by feature name.

    Brightness and contrast are mean and standard deviation of the luma (0-255), sharpness is the variance of its
    4-neighbour Laplacian, entropy that of its 256-bin histogram, in bits.
    """
    luma = picture.pixels @ _LUMA
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    shares = np.bincount(luma.astype(np.uint8).ravel(), minlength=256) / luma.size
    present = shares[shares > 0]
    return {
        features.PHASH: _perceptual_hash(picture.pixels),
        features.BRIGHTNESS: float(luma.mean()),
        features.CONTRAST: float(luma.std()),
        features.SHARPNESS: float(laplacian.var()),
        features.ENTROPY: float(-(present * np.log2(present)).sum()),
    }


def _perceptual_hash(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """64 bits, as a signed integer: which of the 8x8 lowest DCT coefficients of the 32x32 luma exceed their median.

    The pHash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.
    """
    small = np.asarray(Image.fromarray(pixels).convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    low = dctn(small)[:8, :8]
    bits = np.packbits(low > np.median(low))
    return int.from_bytes(bits.tobytes(), "big", signed=True)
