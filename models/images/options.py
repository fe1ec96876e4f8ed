"""Options of images: how they are stored, and how training varies them."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from diptych.models.errors import OptionsError
from diptych.models.options import Options

#: The quality, 1 to 100, of images that are stored with encoding ``jpeg``.
JPEG_QUALITY = 95


class ImageOptions(Options):
    """How images are stored.

    ``encoding``: ``raw`` stores the pixels as they are and reads fastest; ``png`` and ``webp`` are lossless and
    smaller; ``jpeg`` is the smallest.

    ``filter``: ``area`` averages the pixels that fall on each stored pixel and is the fastest; an image that has to be
    enlarged is resized with ``bilinear`` instead. JPEG files are decoded at 1/2, 1/4 or 1/8 of their size where that is
    no smaller than the stored image, each colour channel at the resolution at which the file stores it.

    The table shows how far the result is from decoding the whole file and resizing with Pillow's Lanczos filter: mean
    absolute difference in levels of 255, and PSNR in dB, on crops of 500 x 375 of scikit-learn's photographs (JPEG of
    quality 90).

    ============  ======  =============  ==============
    stored        ratio   ``area``       ``lanczos``
    ============  ======  =============  ==============
    224 x 224     1       1.7, 38.9 dB   none
    128 x 128     1/2     2.9, 33.5 dB   2.4, 34.8 dB
    64 x 64       1/4     2.8, 34.5 dB   1.8, 38.2 dB
    60 x 45       1/8     5.1, 29.0 dB   4.2, 30.4 dB
    ============  ======  =============  ==============

    Decoding the whole file and resizing with ``area`` differs by 1.7 to 2.2 levels, because Lanczos sharpens and
    ``area`` does not.
    """

    height: int = Field(64, ge=8, le=4096, description="Height of the stored image, in pixels.")
    width: int = Field(64, ge=8, le=4096, description="Width of the stored image, in pixels.")
    encoding: Literal["raw", "png", "jpeg", "webp"] = Field(
        "raw", description="How the record holds the pixels; webp is lossless and needs TensorFlow 2.21."
    )
    filter: Literal["area", "bilinear", "bicubic", "lanczos"] = Field(
        "area", description="How pixels are combined into a smaller image; area is fastest."
    )
    aspect: Literal["stretch", "pad", "crop"] = Field(
        "stretch",
        description="How an image of another aspect ratio is fitted: distorted, padded with background, or cropped.",
    )
    background: str = Field("#ffffff", description="The colour behind transparent pixels and of padding, as #rrggbb.")

    @field_validator("background")
    @classmethod
    def _is_hex_colour(cls, value: str) -> str:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise ValueError("a colour is written '#rrggbb', for example '#ffffff'")
        return value.lower()

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """Red, green and blue of the background, each 0 to 255."""
        red, green, blue = bytes.fromhex(self.background[1:])
        return red, green, blue


def check_encoding_supported(options: ImageOptions) -> None:
    """Checks that the installed TensorFlow can decode the stored images; imports it only for ``webp``.

    Raises:
        OptionsError: it cannot.
    """
    if options.encoding == "webp":
        import tensorflow as tf

        if not hasattr(tf.io, "decode_webp"):
            raise OptionsError(f"TensorFlow {tf.__version__} reads no WebP: set image.encoding to png, as lossless")


class AugmentOptions(Options):
    """What training varies at random. A missing image, whose pixels are all 0, stays as it is."""

    flip: bool = Field(False, description="Whether half of the images are mirrored, left to right.")
    crop: float = Field(
        0,
        ge=0,
        lt=1,
        description="The greatest share of an image's area that is cropped off; the rest is enlarged to its size.",
    )
    colour: float = Field(
        0, ge=0, le=1, description="Brightness, contrast and saturation are multiplied by 1 - colour to 1 + colour."
    )
    cutout: float = Field(
        0,
        ge=0,
        lt=1,
        description="Height and width of a patch filled with the image's mean colour, as a share of the image's.",
    )
    mixup: float = Field(
        0, ge=0, description="Each example is mixed with another; the weight is drawn from Beta(mixup, mixup)."
    )
