"""Image files: they are identified, decoded, turned upright, flattened, resized and measured, without TensorFlow.

JPEG files are decoded by libjpeg-turbo, and at a fraction of their size if the stored image is much smaller; all other
formats are decoded by Pillow. Pillow also reads every header: no pixel is decoded before the size that the header
declares is known to be within the limits.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from PIL import Image, ImageCms, JpegImagePlugin, TiffImagePlugin

from diptych.components.catalogue.options import Limits
from diptych.components.catalogue.reasons import RowError
from diptych.models import features
from diptych.models.images.geometry import fit_within, jpeg_downscaling_ratio, resized_shape
from diptych.models.images.options import JPEG_QUALITY, ImageOptions

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

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
# Reasons for a reject, each with a pattern of error messages. For broken files Pillow raises SyntaxError, struct.error,
# OverflowError and more; only the message tells what is wrong.
_REASON_PATTERNS = {
    "decoder_failed": r"insufficient memory|out of memory|cannot allocate|allocation failed|memory allocation",
    "too_many_pixels": r"decompression bomb",
    "truncated": r"truncated|premature end of jpeg file|premature end of input|end of file|not enough data|"
    r"buffer is not large enough|end of data|eof|file size is smaller|trying to read past",
    "unsupported_image": r"unsupported jpeg process|unsupported jpeg data precision|cannot handle|unknown pixel mode|"
    r"unsupported bmp|not supported|unsupported feature|unknown compression|unsupported colou?r|conversion from",
}
_ORIENTATION_TAG = 0x0112
# Pillow's modes that are read, besides those of 16 bits a sample. Modes with more bits, or with colours that need a
# profile, are not read.
_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
_GIF_EXTENSION = 0x21
_GIF_IMAGE = 0x2C
# Encoders write up to ten scans. A scan may hold few bytes, but costs the decoder a pass over the whole image.
_MAX_SCANS = 100
# Warnings of libjpeg about files that have all their pixels. A few extraneous bytes after the pixels are padding; more
# of them are pixels of a damaged file.
_HARMLESS_WARNINGS = re.compile(
    r"determine subsampling|Adobe color transform|JFIF revision|Invalid SOS parameters|"
    r"extraneous bytes before marker 0x(c[012]|d[bd]|e.|fe)|\b1?\d extraneous bytes before marker 0x(c4|da|d9)"
)
# A profile whose colours differ from sRGB by at most so many levels of 255 is taken for sRGB.
_SRGB_TOLERANCE = 2
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
# So many pixels are blended with the background at a time.
_BLEND_PIXELS = 1 << 20
_LEVELS = np.arange(256, dtype=np.float64)


class ImageError(RowError):
    """The bytes are no image that can be stored."""


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image.

    Attributes:
        pixels: uint8 ``[height, width, 3]``, sRGB, at the stored size.
        sha256: hexadecimal, of the stored pixels and the original width and height. The original pixels do not count,
            because a JPEG file that is shrunk is never decoded at its full size.
        width: of the original image when it is upright, in pixels.
        height: of the original image when it is upright, in pixels.
        format: Pillow's name, for example ``PNG``; a JPEG file of several images (MPO) is a ``JPEG``.
    """

    pixels: Pixels
    sha256: str
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
        ImageError: the bytes are no whole image of a known format, or exceed ``limits.pixels``, ``min_side`` or
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
        raise _as_image_error(error, data) from error


def _as_image_error(error: Exception, data: bytes) -> ImageError:
    detail = str(error) or type(error).__name__
    if data[:4] == b"RIFF" and len(data) < 8 + int.from_bytes(data[4:8], "little"):
        # Pillow does not say what is wrong with a WebP file.
        return ImageError("truncated", f"{len(data):,} of {8 + int.from_bytes(data[4:8], 'little'):,} bytes")
    for reason, pattern in _REASON_PATTERNS.items():
        if re.search(pattern, detail, re.IGNORECASE):
            return ImageError(reason, detail)
    return ImageError("corrupt", detail)


def _decode(data: bytes, options: ImageOptions, limits: Limits) -> DecodedImage:
    image = _open_header(data)
    _check_limits(image, data, limits)
    is_jpeg = image.format == "JPEG"
    if not is_jpeg:
        # Pillow turns TIFF files upright when it loads them, so this comes before the orientation is read.
        image.load()
    orientation = _orientation(image)
    width, height = reversed(image.size) if orientation >= 5 else image.size
    profile = image.info.get("icc_profile")
    if is_jpeg:
        rgb = _to_srgb(_decode_jpeg(image, data, jpeg_downscaling_ratio((height, width), options)), profile)
    else:
        colour, alpha = _split_alpha(image)
        rgb = _to_srgb(colour, profile)
        rgb = rgb if alpha is None else _flatten(rgb, alpha, options.background_rgb)
    pixels = _resize(_orient(rgb, orientation), (height, width), options)
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(pixels.data)
    return DecodedImage(pixels, digest.hexdigest(), width, height, str(image.format))


@cache
def _openers() -> dict[str, Any]:
    """Pillow's classes by format. ``Image.open`` would hide why one failed, and has a limit of pixels of its own."""
    Image.init()
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    # Pillow's own opener would take a JPEG file of several images for another format.
    jpeg = {"JPEG": (JpegImagePlugin.JpegImageFile, Image.OPEN["JPEG"][1])}
    return jpeg | {name: Image.OPEN[name] for name in _FORMATS if name in Image.OPEN and name != "JPEG"}


def _open_header(data: bytes) -> Image.Image:
    """Reads the header. If it is broken, it raises what Pillow raises."""
    openers = [opener for opener, accepts in _openers().values() if accepts(data[:_PREFIX_BYTES]) is True]
    if not openers:
        raise _unknown_format_error(data)
    # Files of AVIF and HEIF begin in the same way: each class is tried.
    *likely, last = openers
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


def _check_limits(image: Image.Image, data: bytes, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.pixels:
        raise ImageError("too_many_pixels", f"{width:,} x {height:,} pixels, {limits.pixels:,} are allowed")
    if min(width, height) < limits.min_side:
        raise ImageError("too_small", f"{width:,} x {height:,} pixels, {limits.min_side} a side are needed")
    if image.mode not in _MODES and not image.mode.startswith("I;16"):
        raise ImageError("unsupported_image", f"its samples are of Pillow's mode {image.mode}")
    if _has_more_frames(image, data, limits.frames):
        raise ImageError("animated", f"more than {limits.frames:,} frames")
    if image.format == "JPEG" and _count_scans(data) > _MAX_SCANS:
        raise ImageError("too_slow", f"{_count_scans(data):,} scans, {_MAX_SCANS} are allowed")


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


def _count_scans(data: bytes) -> int:
    """Counts the markers that begin a scan; those of a thumbnail in the header count too."""
    # Several times faster than bytes.count.
    array = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero((array[:-1] == 0xFF) & (array[1:] == 0xDA)))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        # The pixels are whole although EXIF is broken. Pillow raises SyntaxError, struct.error and more for it.
        return 1
    return int(value) if value in range(1, 9) else 1


def _decode_jpeg(image: Image.Image, data: bytes, ratio: int) -> Pixels:
    """Decodes a JPEG file at 1/ratio of its size, rounded up.

    Returns:
        uint8; grey ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]``.
    """
    # TurboJPEG takes these for the least size. At ratio 1 they would make it choose other fractions for sides below 8.
    size = {"min_width": -(-image.width // ratio), "min_height": -(-image.height // ratio)} if ratio > 1 else {}
    try:
        # Strict is the default: without it, the rest of a truncated file would be grey.
        pixels: Pixels = simplejpeg.decode_jpeg(data, {"L": "GRAY"}.get(image.mode, image.mode), **size)
    except ValueError as error:
        if not _HARMLESS_WARNINGS.search(str(error)):
            raise
        pixels = _decode_jpeg_by_pillow(image, ratio)
    # Files with Adobe's marker hold inverted CMYK.
    return np.invert(pixels) if image.mode == "CMYK" and "adobe" in image.info else pixels


def _decode_jpeg_by_pillow(image: Image.Image, ratio: int) -> Pixels:
    """As ``_decode_jpeg``, for a file that simplejpeg refuses. Pillow notices a truncated file, but no other damage."""
    image.draft(None, (max(1, image.width // ratio), max(1, image.height // ratio)))
    pixels: Pixels = np.atleast_3d(np.asarray(image))
    # Pillow inverts every CMYK image.
    return np.invert(pixels) if image.mode == "CMYK" else pixels


def _split_alpha(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """The colours, grey ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]``, and alpha ``[h, w, 1]`` or None."""
    if image.mode.startswith("I;16"):
        # Not by Pillow's convert, which clips samples of 16 bits to 255.
        return np.atleast_3d((np.asarray(image) >> 8).astype(np.uint8)), None
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return np.ascontiguousarray(rgba[..., :3]), rgba[..., 3:]
    if image.mode not in ("L", "CMYK"):
        image = image.convert("RGB")
    return np.atleast_3d(np.asarray(image)), None


def _to_srgb(pixels: Pixels, profile: bytes | None) -> Pixels:
    """Converts grey ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]`` to RGB ``[h, w, 3]``."""
    height, width, channels = pixels.shape
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[channels]
    transform = _srgb_transform(profile, mode) if profile else None
    if transform is None and mode == "RGB":
        return pixels
    image = Image.frombytes(mode, (width, height), pixels.tobytes())
    return np.asarray(ImageCms.applyTransform(image, transform) if transform else image.convert("RGB"))


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


def _flatten(rgb: Pixels, alpha: Pixels, background: tuple[int, int, int]) -> Pixels:
    """Blends RGB with the background, in the integers that ``diptych.models.images.decoding`` uses in TensorFlow."""
    flat = np.empty_like(rgb)
    rows = max(1, _BLEND_PIXELS // rgb.shape[1])
    for start in range(0, len(rgb), rows):
        band = slice(start, start + rows)
        # 255 * 255 + 127, the largest sum, fits in 16 bits.
        opacity = alpha[band].astype(np.uint16)
        flat[band] = (rgb[band] * opacity + np.array(background, np.uint16) * (255 - opacity) + 127) // 255
    return flat


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


def measure_image(image: DecodedImage) -> Mapping[str, int | float]:
    """Measures the stored pixels; returns the perceptual hash and the health features by feature name.

    All are measured on the luma: OpenCV's grey, with the weights of ITU-R BT.601, rounded to 0-255. Brightness and
    contrast are its mean and standard deviation. Sharpness is the variance of its 4-neighbour Laplacian at inner pixels
    (J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", 2000). Entropy is
    the entropy of its 256-bin histogram, in bits, rounded to six decimals (C. E. Shannon, "A mathematical theory of
    communication", 1948). Sums are of whole numbers that a double holds exactly, so the result depends neither on the
    order of addition nor on the libraries' versions.
    """
    luma = cast(Pixels, cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY))
    histogram = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    total, squares = int(histogram @ _LEVELS), int(histogram @ _LEVELS**2)
    laplacian = cv2.Laplacian(luma, cv2.CV_16S)[1:-1, 1:-1]
    edges, edge_squares = int(cv2.sumElems(laplacian)[0]), int(cv2.norm(laplacian, cv2.NORM_L2SQR))
    return {
        features.PHASH: _perceptual_hash(luma),
        features.BRIGHTNESS: total / luma.size,
        features.CONTRAST: math.sqrt(_variance(total, squares, luma.size)),
        features.SHARPNESS: _variance(edges, edge_squares, laplacian.size),
        features.ENTROPY: _entropy(histogram),
    }


def _variance(total: int, total_of_squares: int, count: int) -> float:
    return (count * total_of_squares - total**2) / count**2


def _entropy(histogram: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    shares = histogram[histogram > 0] / histogram.sum()
    # Rounded, because the last digits of a logarithm depend on the library; abs, because -0.0 has other bytes than 0.0.
    return round(abs(float(shares @ np.log2(shares))), 6)


def _perceptual_hash(luma: Pixels) -> int:
    """The perceptual hash, 64 bits as a signed integer.

    Each bit says whether one of the 8x8 lowest DCT coefficients of the luma, averaged to 32x32, exceeds their median:
    the pHash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.
    Averages and DCT are computed together, by one matrix of whole numbers for each side.
    """
    height, width = luma.shape
    scale = _dct_scale(height, width)
    low = _low_frequencies(height, scale) @ luma.astype(np.float64) @ _low_frequencies(width, scale).T
    ordered = np.sort(low, axis=None)
    bits = np.packbits(2 * low > ordered[31] + ordered[32])
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def _dct_scale(height: int, width: int) -> int:
    """The greatest power of two for which no sum exceeds 2^53, above which doubles are not exact."""
    largest_sum = 255 * 32**2 * height * width
    return 1 << (53 - largest_sum.bit_length()) // 2


@cache
def _low_frequencies(length: int, scale: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A matrix ``[8, length]`` that sums 32 cells of equal length and multiplies by the cosines of a DCT-II.

    Args:
        scale: the cosines are whole numbers, in units of 1/scale.
    """
    edges = np.arange(33)[:, None] * length
    covered = np.clip(edges - 32 * np.arange(length), 0, 32)
    cells = np.diff(covered, axis=0)
    cosines = np.cos(np.pi / 64 * np.arange(8)[:, None] * (2 * np.arange(32) + 1))
    return cast("np.ndarray[Any, np.dtype[np.float64]]", np.rint(scale * cosines) @ cells)
