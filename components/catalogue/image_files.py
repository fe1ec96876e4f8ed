"""Image files: they are identified, decoded, turned upright, flattened and resized, without TensorFlow.

JPEG files are decoded by libjpeg-turbo, and at a fraction of their size if the stored image is much smaller; all other
formats are decoded by Pillow. Pillow also reads every header: no pixel is decoded before the size that the header
declares is known to be within the limits, and what memory that takes.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image

from diptych.components.catalogue.image_colours import Pixels, flatten, is_converted, split_alpha, to_srgb
from diptych.components.catalogue.image_errors import ImageError, as_image_error
from diptych.components.catalogue.image_headers import check_limits, open_header, read_orientation
from diptych.components.catalogue.image_measures import halve, luma_of, perceptual_hash
from diptych.components.catalogue.image_memory import check_memory, jpeg_memory, other_memory
from diptych.components.catalogue.jpeg_files import colour_coding, decode_jpeg, digest_segments, picture_segments
from diptych.components.catalogue.jpeg_segments import SOS
from diptych.components.catalogue.options import Limits
from diptych.components.catalogue.png_files import (
    exceeds_text_limit,
    read_profile,
    scale_transparent_level,
    without_metadata,
)
from diptych.models.images.geometry import fit_within, jpeg_downscaling_ratio, resized_shape
from diptych.models.images.options import JPEG_QUALITY, ImageOptions

_RESAMPLING = {
    "area": Image.Resampling.BILINEAR,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# A greater effort costs more time than it saves space: for a photograph of 128 x 128 pixels, PNG's default takes twice
# the time for 7 % fewer bytes, WebP's 35 times the time for 8 %.
_ENCODER_SETTINGS: Mapping[str, dict[str, Any]] = {
    "png": {"compress_level": 3},
    "jpeg": {"quality": JPEG_QUALITY, "subsampling": 0},
    "webp": {"lossless": True, "method": 0, "quality": 0},
}
# Perceptual hashes of JPEG files are taken at the fraction at which these options have them decoded.
_REFERENCE = ImageOptions()
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
# Two levels that nobody tells apart.
_BLANK_LEVELS = 2


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image.

    Attributes:
        pixels: uint8 ``[height, width, 3]``, sRGB, at the stored size.
        sha256: hexadecimal; it identifies the picture, whatever the options by which it is stored. Of a JPEG file it is
            that of the coded picture, with what changes its look (orientation, colour profile) and without all other
            metadata, because decoding the file at its full size would cost too much. Of any other file it is that of
            the pixels at their full size: upright, in sRGB, with alpha if they have any.
        phash: the perceptual hash of the whole picture on white, or on black if it is blank on white. It does not
            depend on the options, but for one thing: that of a JPEG file is taken from the fraction at which it was
            decoded, and may differ in a few bits from that of another fraction; see ``reference_hash``.
        jpeg_ratio: a JPEG file was decoded at 1/ratio of its size; 1 for all other files.
        width: of the original image when it is upright, in pixels.
        height: of the original image when it is upright, in pixels.
        format: Pillow's name, for example ``PNG``; a JPEG file of several images (MPO) is a ``JPEG``.
    """

    pixels: Pixels
    sha256: str
    phash: int
    jpeg_ratio: int
    width: int
    height: int
    format: str


def decode_image(data: bytes, options: ImageOptions, limits: Limits) -> DecodedImage:
    """Decodes an image file to the stored size.

    If the file has a colour profile other than sRGB, its colours are converted to sRGB with perceptual intent; a
    profile that is broken or made for other channels is ignored. A JPEG file is converted after it was shrunk, others
    at their full size. Then transparent pixels are blended with the background, the image is turned upright as EXIF
    says, and resized. Samples of 16 bits keep their high byte.

    It must not run in several threads at a time: it suppresses Pillow's warnings, which is a setting of the process.

    Raises:
        ImageError: the bytes are no whole image of a known format, or exceed ``limits.memory_mb``, ``min_side`` or
            ``frames``.
    """
    if not data:
        raise ImageError("empty_file", "the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data, options, limits)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("decoder_failed", "the decoder ran out of memory") from error
    except Exception as error:
        raise as_image_error(error, data) from error


def reference_hash(image: DecodedImage, data: bytes, limits: Limits) -> int:
    """The perceptual hash of an image file from a fraction of its size that no option changes.

    It costs another decoding of a JPEG file that was decoded at another fraction.

    Args:
        image: what ``decode_image`` made of ``data``.
    """
    if image.format != "JPEG" or image.jpeg_ratio == jpeg_downscaling_ratio((image.height, image.width), _REFERENCE):
        return image.phash
    return decode_image(data, _REFERENCE, limits).phash


def _decode(data: bytes, options: ImageOptions, limits: Limits) -> DecodedImage:
    try:
        image = _open(data, options, limits)
    except ValueError as error:
        if not exceeds_text_limit(error):
            raise
        image = _open(without_metadata(data), options, limits)
        image.info["icc_profile"] = read_profile(data)
    if image.format == "JPEG":
        return _decode_jpeg(image, data, options, limits)
    return _decode_other(image, options)


def _open(data: bytes, options: ImageOptions, limits: Limits) -> Image.Image:
    image = open_header(data)
    check_limits(image, data, limits)
    if image.format != "JPEG":
        check_memory(other_memory(image, options), image, limits)
        # Pillow turns TIFF files upright when it loads them, so this comes before the orientation is read.
        image.load()
    if image.format == "PNG":
        scale_transparent_level(image, data)
    return image


def _decode_jpeg(image: Image.Image, data: bytes, options: ImageOptions, limits: Limits) -> DecodedImage:
    segments = picture_segments(data)
    orientation = read_orientation(image)
    height, width = shape = _upright_shape(image, orientation)
    ratio = jpeg_downscaling_ratio(shape, options)
    scans = sum(segment.marker == SOS for segment in segments)
    check_memory(jpeg_memory(image, scans, shape, options), image, limits)
    profile = image.info.get("icc_profile")
    coded = decode_jpeg(image, data, ratio)
    rgb = to_srgb(coded, profile)
    converted_by = hashlib.sha256(profile).hexdigest() if profile and is_converted(profile, coded.shape[2]) else "none"
    appearance = f"{colour_coding(image)}, orientation {orientation}, profile {converted_by}"
    return DecodedImage(
        pixels=_resize(_orient(rgb, orientation), shape, options),
        sha256=digest_segments(data, segments, appearance),
        phash=_hash_shrunk(rgb, image.size, (ratio, jpeg_downscaling_ratio(shape, _REFERENCE)), orientation),
        jpeg_ratio=ratio,
        width=width,
        height=height,
        format="JPEG",
    )


def _hash_shrunk(rgb: Pixels, size: tuple[int, int], ratios: tuple[int, int], orientation: int) -> int:
    """The perceptual hash of a JPEG file.

    Args:
        rgb: ``[h, w, 3]``, not yet upright.
        size: width and height of the original image, likewise.
        ratios: the fraction at which it was decoded, and the one to shrink it to. It is quicker to hash there, and more
            alike whatever the first is.
    """
    luma, (ratio, reference) = luma_of(rgb), ratios
    while ratio < reference:
        luma, ratio = halve(luma), 2 * ratio
    return perceptual_hash(luma, (size[1] / ratio, size[0] / ratio), orientation)


def _decode_other(image: Image.Image, options: ImageOptions) -> DecodedImage:
    orientation = read_orientation(image)
    height, width = shape = _upright_shape(image, orientation)
    colour, alpha = split_alpha(image)
    rgb = _orient(to_srgb(colour, image.info.get("icc_profile")), orientation)
    if alpha is not None:
        alpha = _orient(alpha, orientation)
    flat = rgb if alpha is None else flatten(rgb, alpha, options.background_rgb)
    on_white = flat if alpha is None or options.background_rgb == _WHITE else flatten(rgb, alpha, _WHITE)
    return DecodedImage(
        pixels=_resize(flat, shape, options),
        sha256=_digest_pixels(rgb, alpha),
        phash=perceptual_hash(_visible_luma(on_white, rgb, alpha), shape, 1),
        jpeg_ratio=1,
        width=width,
        height=height,
        format=str(image.format),
    )


def _upright_shape(image: Image.Image, orientation: int) -> tuple[int, int]:
    return (image.width, image.height) if orientation >= 5 else (image.height, image.width)


def _digest_pixels(rgb: Pixels, alpha: Pixels | None) -> str:
    """SHA-256 of pixels ``[h, w, 3]`` and alpha ``[h, w, 1]``, hexadecimal; colours that nobody sees do not count."""
    height, width = _shape(rgb)
    digest = hashlib.sha256(f"pixels {width}x{height}:".encode())
    if alpha is None or alpha.min() == 255:
        digest.update(rgb.data)
    else:
        digest.update(cv2.bitwise_and(rgb, rgb, mask=alpha).data)
        digest.update(alpha.data)
    return digest.hexdigest()


def _visible_luma(on_white: Pixels, rgb: Pixels, alpha: Pixels | None) -> Pixels:
    """The luma ``[h, w]`` of a picture on white, or on black if nothing of it can be seen on white."""
    luma = luma_of(on_white)
    if alpha is None or int(luma.max()) - int(luma.min()) > _BLANK_LEVELS:
        return luma
    return luma_of(flatten(rgb, alpha, _BLACK))


def _orient(pixels: Pixels, orientation: int) -> Pixels:
    """Turns pixels ``[h, w, 3]`` upright by their EXIF orientation (EXIF 2.32, section 4.6.4)."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _resize(pixels: Pixels, shape: tuple[int, int], options: ImageOptions) -> Pixels:
    """Resizes upright pixels to the stored size.

    Args:
        shape: height and width of the original image.
    """
    if options.aspect == "crop":
        pixels = _centre(pixels, fit_within((options.height, options.width), _shape(pixels)))
    resized = _resample(pixels, resized_shape(shape, options), options)
    if _shape(resized) == (options.height, options.width):
        return resized
    padded = np.empty((options.height, options.width, 3), np.uint8)
    padded[:] = options.background_rgb
    _centre(padded, _shape(resized))[:] = resized
    return padded


def _shape(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]


def _centre(pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    top, left = (pixels.shape[0] - shape[0]) // 2, (pixels.shape[1] - shape[1]) // 2
    return pixels[top : top + shape[0], left : left + shape[1]]


def _resample(pixels: Pixels, shape: tuple[int, int], options: ImageOptions) -> Pixels:
    if _shape(pixels) == shape:
        return np.ascontiguousarray(pixels)
    height, width = shape
    if options.filter == "area" and height <= pixels.shape[0] and width <= pixels.shape[1]:
        return cast(Pixels, cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    return np.asarray(Image.fromarray(pixels).resize((width, height), _RESAMPLING[options.filter]))


def encode_pixels(pixels: Pixels, options: ImageOptions) -> bytes:
    """Encodes pixels, uint8 ``[height, width, 3]``, as they are stored: raw, or as a PNG, JPEG or WebP file."""
    if options.encoding == "raw":
        return pixels.tobytes()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, options.encoding, **_ENCODER_SETTINGS[options.encoding])
    return buffer.getvalue()
