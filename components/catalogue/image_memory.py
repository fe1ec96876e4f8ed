"""How much memory decoding an image takes, computed from what its header says.

The bytes for each pixel were measured: those of Pillow's image, of its copy as an array, and of what colours, alpha and
the hash are computed in. ``tests/components/catalogue/test_image_memory.py`` compares them with what each kind of file
takes: at least 0.9 times, and at most 1.8 times as much and 12 MB.
"""

from __future__ import annotations

from PIL import Image

from diptych.components.catalogue.image_colours import is_converted
from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.options import Limits
from diptych.models.images.geometry import jpeg_downscaling_ratio
from diptych.models.images.options import ImageOptions

# Bytes for each pixel of a file that is no JPEG: of opaque images, and more with alpha, of CMYK, and with a profile.
_OPAQUE, _ALPHA, _CMYK, _PROFILE = 16, 8, 8, 8
# What decoders take beside: WebP's two canvases, AVIF's and HEIF's planes, TIFF's strips of up to 16 bits a sample.
_DECODERS = {"WEBP": 8, "AVIF": 4, "HEIF": 8, "TIFF": 8}
# Bytes for each pixel of a JPEG file as it is decoded, shrunk; and for each coefficient of those with several scans.
_JPEG, _COEFFICIENT = 8, 2
# Bytes for each stored pixel; of libraries, for any image; of the rows that are blended with a background at a time.
_STORED, _ANY, _BLENDED = 12, 12_000_000, 20_000_000


def jpeg_memory(image: Image.Image, scans: int, shape: tuple[int, int], options: ImageOptions) -> int:
    """The bytes that decoding a JPEG file takes at most.

    Args:
        image: its header.
        scans: in how many scans it is coded: for more than one, its coefficients are held.
        shape: height and width of the upright image.
    """
    pixels, channels = image.width * image.height, len(image.getbands())
    decoded = pixels // jpeg_downscaling_ratio(shape, options) ** 2
    coefficients = _COEFFICIENT * channels * pixels if scans > 1 else 0
    return coefficients + decoded * (_JPEG + _colour_bytes(image)) + _STORED * options.height * options.width + _ANY


def other_memory(image: Image.Image, options: ImageOptions) -> int:
    """The bytes that decoding any other file takes at most.

    Args:
        image: its header.
    """
    each = _OPAQUE + _colour_bytes(image) + _DECODERS.get(str(image.format), 0)
    needed = _STORED * options.height * options.width + _ANY
    if image.has_transparency_data:
        each, needed = each + _ALPHA, needed + _BLENDED
    return needed + each * image.width * image.height


def check_memory(needed: int, image: Image.Image, limits: Limits) -> None:
    """Checks that an image can be decoded in the memory that it may take.

    Args:
        needed: by ``jpeg_memory`` or ``other_memory``.

    Raises:
        ImageError: it cannot.
    """
    if needed > limits.memory_bytes:
        raise ImageError(
            "too_much_memory",
            f"{image.width:,} x {image.height:,} pixels of mode {image.mode} take {needed / 1e6:,.0f} MB to decode, "
            f"{limits.memory_mb:g} MB are allowed",
        )


def _colour_bytes(image: Image.Image) -> int:
    channels = {"L": 1, "CMYK": 4}.get(image.mode, 3)
    profile = image.info.get("icc_profile")
    return (_CMYK if channels == 4 else 0) + (_PROFILE if profile and is_converted(profile, channels) else 0)
