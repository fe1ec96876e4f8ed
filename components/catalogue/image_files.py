"""Image files: identify, decode, orient, flatten, resize and measure; no TensorFlow.

JPEG files are decoded by libjpeg-turbo, at a fraction of their size where more would be thrown away, all others by
Pillow, which also reads every header: no pixel is decoded before the size that the header declares is within limits.
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

# As Pillow names them.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
# Images that Pillow does not know, by how they begin.
_OTHER_FORMATS = {
    "PDF": rb"%PDF-",
    "SVG": rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]",
    "HEIF": rb"....ftyp(hei|hev|mif1|msf1)",
    "AVIF": rb"....ftypavi[fs]",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
}
_PREFIX_BYTES = 4096
# Pillow raises SyntaxError, struct.error, OverflowError and more on broken files, and says only in words what is wrong.
_REFUSALS = {
    "decoder_failed": r"insufficient memory|out of memory|cannot allocate|allocation failed|memory allocation",
    "too_many_pixels": r"decompression bomb",
    "truncated": r"truncated|premature end of jpeg file|premature end of input|end of file|not enough data|"
    r"buffer is not large enough|end of data|eof|file size is smaller|trying to read past",
    "unsupported_image": r"unsupported jpeg process|unsupported jpeg data precision|cannot handle|unknown pixel mode|"
    r"unsupported bmp|not supported|unsupported feature|unknown compression|unsupported colou?r|conversion from",
}
_ORIENTATION_TAG = 0x0112
# Pillow's and TIFF's modes with more than 16 bits a sample, or with colours that need a profile, are not among them.
_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
_GIF_EXTENSION = 0x21
_GIF_IMAGE = 0x2C
# Encoders write up to ten scans; each costs a decoder a pass over the whole image, though it may hold few bytes.
_MOST_SCANS = 100
# What libjpeg warns of though all pixels are there. Extraneous bytes after the pixels are padding while they are few;
# more of them are pixels that were lost on the way.
_HARMLESS = re.compile(
    r"determine subsampling|Adobe color transform|JFIF revision|Invalid SOS parameters|"
    r"extraneous bytes before marker 0x(c[012]|d[bd]|e.|fe)|\b1?\d extraneous bytes before marker 0x(c4|da|d9)"
)
# In levels of 255, of a profile that is taken for sRGB.
_SRGB_TOLERANCE = 2
_RESAMPLING = {
    "area": Image.Resampling.BILINEAR,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# More effort costs more time than it saves room: on a photograph at 128 x 128, PNG's default twice the time for 7 %,
# WebP's 35 times for 8 %.
_ENCODER_SETTINGS: Mapping[str, dict[str, Any]] = {
    "png": {"compress_level": 3},
    "jpeg": {"quality": JPEG_QUALITY, "subsampling": 0},
    "webp": {"lossless": True, "method": 0, "quality": 0},
}
# Pixels whose blend is in memory at a time.
_BLEND_PIXELS = 1 << 20
_LEVELS = np.arange(256, dtype=np.float64)


class ImageError(RowError):
    """The bytes are no image that can be stored."""


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    Attributes:
        pixels: uint8 ``[height, width, 3]``, sRGB, at the size that is stored.
        sha256: hexadecimal, of the pixels as stored and of the original width and height: not of the original pixels,
            which are never decoded where a JPEG file is shrunk.
        width: of the original file, in pixels, upright.
        height: likewise.
        format: as Pillow names it, for example ``PNG``; a JPEG file of several pictures (MPO) is a ``JPEG``.
    """

    pixels: Pixels
    sha256: str
    width: int
    height: int
    format: str


def decode(data: bytes, options: ImageOptions, limits: Limits) -> Picture:
    """Decodes an image file to the stored size.

    Colours are converted to sRGB with perceptual intent where the file holds another profile; a profile that is broken
    or made for other channels is ignored. Of a JPEG file the pixels at their reduced size are converted, of others all.
    Transparent pixels are then flattened, the image is turned upright by EXIF, and resized. Samples of 16 bits keep
    their high byte. Pillow's warnings are held back, by a setting of the process: other threads must not decode
    meanwhile.

    Raises:
        ImageError: the bytes are no whole image of a known format, or one beyond the limits (pixels, side, frames).
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
        # Pillow says nothing of what is wrong with WebP.
        return ImageError("truncated", f"{len(data):,} of {8 + int.from_bytes(data[4:8], 'little'):,} bytes")
    for reason, pattern in _REFUSALS.items():
        if re.search(pattern, detail, re.IGNORECASE):
            return ImageError(reason, detail)
    return ImageError("corrupt", detail)


def _decode(data: bytes, options: ImageOptions, limits: Limits) -> Picture:
    image = _open(data)
    _check(image, data, limits)
    is_jpeg = image.format == "JPEG"
    if not is_jpeg:
        # Pillow itself turns TIFF files upright as it reads them.
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
    return Picture(pixels, digest.hexdigest(), width, height, str(image.format))


@cache
def _openers() -> dict[str, Any]:
    """Pillow's readers by format. ``Image.open`` would hide why one failed, and warns of a limit that is not ours."""
    Image.init()
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    # Not its factory, which takes a JPEG file of several pictures for another format.
    jpeg = {"JPEG": (JpegImagePlugin.JpegImageFile, Image.OPEN["JPEG"][1])}
    return jpeg | {name: Image.OPEN[name] for name in _FORMATS if name in Image.OPEN and name != "JPEG"}


def _open(data: bytes) -> Image.Image:
    """Reads the header; raises whatever Pillow does if it is broken."""
    openers = [opener for opener, accepts in _openers().values() if accepts(data[:_PREFIX_BYTES]) is True]
    if not openers:
        raise _unknown(data)
    # AVIF and HEIF begin alike.
    *likely, last = openers
    for opener in likely:
        with contextlib.suppress(SyntaxError):
            return cast(Image.Image, opener(io.BytesIO(data), ""))
    return cast(Image.Image, last(io.BytesIO(data), ""))


def _unknown(data: bytes) -> ImageError:
    prefix = data[:_PREFIX_BYTES]
    known = {name: accepts for name, (_, accepts) in Image.OPEN.items() if accepts is not None}
    for name, accepts in known.items():
        # Some of these look further than short files go.
        with contextlib.suppress(IndexError, struct.error):
            if accepts(prefix):
                return ImageError("unsupported_image", f"{name} is not read")
    for name, pattern in _OTHER_FORMATS.items():
        if re.match(pattern, prefix, re.DOTALL | re.IGNORECASE):
            return ImageError("unsupported_image", f"{name} is not read")
    return ImageError("not_an_image", f"begins with {data[:16]!r}")


def _check(image: Image.Image, data: bytes, limits: Limits) -> None:
    width, height = image.size
    if width * height > limits.pixels:
        raise ImageError("too_many_pixels", f"{width:,} x {height:,} pixels, {limits.pixels:,} are allowed")
    if min(width, height) < limits.min_side:
        raise ImageError("too_small", f"{width:,} x {height:,} pixels, {limits.min_side} a side are needed")
    if image.mode not in _MODES and not image.mode.startswith("I;16"):
        raise ImageError("unsupported_image", f"its samples are of Pillow's mode {image.mode}")
    if _has_more_frames(image, data, limits.frames):
        raise ImageError("animated", f"more than {limits.frames:,} frames")
    if image.format == "JPEG" and _count_scans(data) > _MOST_SCANS:
        raise ImageError("too_slow", f"{_count_scans(data):,} scans, {_MOST_SCANS} are allowed")


def _has_more_frames(image: Image.Image, data: bytes, most: int) -> bool:
    if image.format == "GIF":
        return _gif_frames(data, most + 1) > most
    if image.format == "TIFF":
        # Its frames are a chain, of which Pillow walks no more than is asked for; it forgets the first on the way.
        try:
            TiffImagePlugin.TiffImageFile(io.BytesIO(data), "").seek(most)
        except EOFError:
            return False
        return True
    return bool(getattr(image, "n_frames", 1) > most)


def _gif_frames(data: bytes, most: int) -> int:
    """Frames of a GIF file, counted up to ``most`` without decoding them (GIF89a specification, appendix B)."""
    frames, at = 0, 13 + _colour_table_bytes(data[10])
    while at < len(data) and frames < most:
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
    """Markers that begin a scan; those of a thumbnail in the header count too."""
    # Several times faster than bytes.count.
    array = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero((array[:-1] == 0xFF) & (array[1:] == 0xDA)))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        # Broken EXIF takes nothing from the pixels. Pillow raises SyntaxError, struct.error and more on it.
        return 1
    return int(value) if value in range(1, 9) else 1


def _decode_jpeg(image: Image.Image, data: bytes, ratio: int) -> Pixels:
    """Grey uint8 ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]``, at 1/ratio of the size, rounded up."""
    # TurboJPEG takes these for the least size; at ratio 1 it would find other fractions for sides below 8.
    size = {"min_width": -(-image.width // ratio), "min_height": -(-image.height // ratio)} if ratio > 1 else {}
    try:
        # Strict, or the rest of a truncated file would be grey.
        pixels: Pixels = simplejpeg.decode_jpeg(data, {"L": "GRAY"}.get(image.mode, image.mode), **size)
    except ValueError as error:
        if not _HARMLESS.search(str(error)):
            raise
        pixels = _decode_jpeg_by_pillow(image, ratio)
    # Adobe's files hold CMYK inverted, and their marker says so.
    return np.invert(pixels) if image.mode == "CMYK" and "adobe" in image.info else pixels


def _decode_jpeg_by_pillow(image: Image.Image, ratio: int) -> Pixels:
    """Likewise, of a file that TurboJPEG's interface refuses. Pillow sees that it is truncated, but no other damage."""
    image.draft(None, (max(1, image.width // ratio), max(1, image.height // ratio)))
    pixels: Pixels = np.atleast_3d(np.asarray(image))
    # Pillow inverts all CMYK.
    return np.invert(pixels) if image.mode == "CMYK" else pixels


def _split_alpha(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Grey ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]``, and alpha ``[h, w, 1]`` where it has some."""
    if image.mode.startswith("I;16"):
        # Pillow clips 16 bits to 255 when it converts; the high byte is what 8 bits can keep.
        return np.atleast_3d((np.asarray(image) >> 8).astype(np.uint8)), None
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return np.ascontiguousarray(rgba[..., :3]), rgba[..., 3:]
    if image.mode not in ("L", "CMYK"):
        image = image.convert("RGB")
    return np.atleast_3d(np.asarray(image)), None


def _to_srgb(pixels: Pixels, profile: bytes | None) -> Pixels:
    """RGB ``[h, w, 3]`` of grey ``[h, w, 1]``, RGB ``[h, w, 3]`` or CMYK ``[h, w, 4]``."""
    height, width, channels = pixels.shape
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[channels]
    transform = _srgb_transform(profile, mode) if profile else None
    if transform is None and mode == "RGB":
        return pixels
    image = Image.frombytes(mode, (width, height), pixels.tobytes())
    return np.asarray(ImageCms.applyTransform(image, transform) if transform else image.convert("RGB"))


@lru_cache(maxsize=32)
def _srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the profile to sRGB; None where that is nothing to do, or cannot be done."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != {"L": "GRAY"}.get(mode, mode):
            return None
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    return None if mode == "RGB" and _changes_little(transform) else transform


def _changes_little(transform: ImageCms.ImageCmsTransform) -> bool:
    """Most profiles are one of the many versions of sRGB itself: they differ by rounding."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform))
    return bool(np.abs(converted.astype(int) - grid).max() <= _SRGB_TOLERANCE)


def _flatten(rgb: Pixels, alpha: Pixels, background: tuple[int, int, int]) -> Pixels:
    """RGB over the background, with the integer blend that ``diptych.models.images.options`` uses in TensorFlow."""
    flat = np.empty_like(rgb)
    rows = max(1, _BLEND_PIXELS // rgb.shape[1])
    for start in range(0, len(rgb), rows):
        band = slice(start, start + rows)
        # 255 * 255 + 127 still fits.
        opacity = alpha[band].astype(np.uint16)
        flat[band] = (rgb[band] * opacity + np.array(background, np.uint16) * (255 - opacity) + 127) // 255
    return flat


def _orient(pixels: Pixels, orientation: int) -> Pixels:
    """Turns ``[h, w, 3]`` upright (EXIF 2.32, section 4.6.4)."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _resize(pixels: Pixels, shape: tuple[int, int], options: ImageOptions) -> Pixels:
    """Upright pixels at the stored size; ``shape`` is that of the original."""
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


def encode(pixels: Pixels, options: ImageOptions) -> bytes:
    """The stored bytes of uint8 ``[height, width, 3]`` pixels."""
    if options.encoding == "raw":
        return pixels.tobytes()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, options.encoding, **_ENCODER_SETTINGS[options.encoding])
    return buffer.getvalue()


def measure(picture: Picture) -> Mapping[str, int | float]:
    """Perceptual hash and health of the stored pixels, by feature name.

    All are of the luma: OpenCV's grey, with the weights of ITU-R BT.601, rounded to 0-255. Brightness and contrast are
    its mean and standard deviation. Sharpness is the variance of its 4-neighbour Laplacian at inner pixels (J. L.
    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", 2000). Entropy is that of
    its 256-bin histogram, in bits, to six decimals (C. E. Shannon, "A mathematical theory of communication", 1948).
    Sums are of whole numbers that a double holds exactly: neither the order of addition nor the version matters.
    """
    luma = cast(Pixels, cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2GRAY))
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
    # The last digits of a logarithm depend on the library; -0.0 is another number to a digest.
    return round(abs(float(shares @ np.log2(shares))), 6)


def _perceptual_hash(luma: Pixels) -> int:
    """64 bits, as a signed integer: which of the 8x8 lowest DCT coefficients of the 32x32 luma exceed their median.

    The pHash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.
    Area averages and DCT are one matrix of whole numbers on each side.
    """
    height, width = luma.shape
    scale = _dct_scale(height, width)
    low = _low_frequencies(height, scale) @ luma.astype(np.float64) @ _low_frequencies(width, scale).T
    ordered = np.sort(low, axis=None)
    bits = np.packbits(2 * low > ordered[31] + ordered[32])
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def _dct_scale(height: int, width: int) -> int:
    """The greatest power of two for which no sum passes 2^53, beyond which doubles are not exact."""
    largest_sum = 255 * 32**2 * height * width
    return 1 << (53 - largest_sum.bit_length()) // 2


@cache
def _low_frequencies(length: int, scale: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """``[8, length]``: sums over 32 cells of equal length, times the cosines of a DCT-II in units of 1/scale."""
    edges = np.arange(33)[:, None] * length
    covered = np.clip(edges - 32 * np.arange(length), 0, 32)
    cells = np.diff(covered, axis=0)
    cosines = np.cos(np.pi / 64 * np.arange(8)[:, None] * (2 * np.arange(32) + 1))
    return cast("np.ndarray[Any, np.dtype[np.float64]]", np.rint(scale * cosines) @ cells)
