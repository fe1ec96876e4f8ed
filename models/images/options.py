"""How images are stored: the options."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from diptych.models.errors import OptionsError
from diptych.models.options import Options

JPEG_QUALITY = 95


class ImageOptions(Options):
    """How images are stored.

    ``raw`` keeps the pixels as they are and reads fastest; ``png`` and ``webp`` are lossless and smaller, ``jpeg`` is
    smallest. ``area`` averages what falls on each stored pixel and is fastest; where it would have to enlarge, it is
    ``bilinear``. JPEG files are decoded at 1/2, 1/4 or 1/8 of their size where that is no smaller than the stored
    image, with each colour channel as the file subsamples it.

    How far that is from a whole decode and Pillow's Lanczos filter, on crops of 500 x 375 of scikit-learn's photographs
    (JPEG of quality 90), as mean absolute difference in levels of 255 and PSNR in dB:

    ============  ======  =============  ==============
    stored        ratio   ``area``       ``lanczos``
    ============  ======  =============  ==============
    224 x 224     1       1.7, 38.9 dB   none
    128 x 128     1/2     2.9, 33.5 dB   2.4, 34.8 dB
    64 x 64       1/4     2.8, 34.5 dB   1.8, 38.2 dB
    60 x 45       1/8     5.1, 29.0 dB   4.2, 30.4 dB
    ============  ======  =============  ==============

    A whole decode with ``area`` differs by 1.7 to 2.2 levels: Lanczos' filter sharpens, ``area`` does not.
    """

    height: int = Field(64, ge=8, le=4096, description="Height of the stored image, in pixels.")
    width: int = Field(64, ge=8, le=4096, description="Width of the stored image, in pixels.")
    encoding: Literal["raw", "png", "jpeg", "webp"] = Field(
        "raw", description="How the record holds the pixels; webp is lossless and needs TensorFlow 2.21."
    )
    filter: Literal["area", "bilinear", "bicubic", "lanczos"] = Field(
        "area", description="How pixels are combined to a smaller image; area is fastest."
    )
    aspect: Literal["stretch", "pad", "crop"] = Field(
        "stretch", description="What becomes of another aspect ratio: distorted, bordered with background, or cut off."
    )
    background: str = Field("#ffffff", description="The colour behind transparent pixels and of borders, as #rrggbb.")

    @field_validator("background")
    @classmethod
    def _is_hex_colour(cls, value: str) -> str:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise ValueError("a colour is written '#rrggbb', for example '#ffffff'")
        return value.lower()

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """Red, green and blue of the background, 0-255."""
        red, green, blue = bytes.fromhex(self.background[1:])
        return red, green, blue


def check_encoding_supported(options: ImageOptions) -> None:
    """Whether the installed TensorFlow can read the stored pixels; imports it only where that is in doubt.

    Raises:
        ValueError: it cannot.
    """
    if options.encoding == "webp":
        import tensorflow as tf

        if not hasattr(tf.io, "decode_webp"):
            raise OptionsError(f"TensorFlow {tf.__version__} reads no WebP: set image.encoding to png, as lossless")
