"""Images: their options, and how TensorFlow reads stored records and image files.

Serving must see what ingestion stored. Ingestion decodes with Pillow, which reads more formats and needs no TensorFlow;
``decode_image_file`` repeats its steps as TensorFlow ops: decode, orient by EXIF, flatten alpha, resize. Where no
resize happens the pixels are equal; after a resize they differ by at most ``RESIZE_TOLERANCE`` levels of 255, because
Pillow rounds to 8 bits between its horizontal and its vertical pass.

TensorFlow reads no WebP, TIFF or 1-bit BMP, takes the palette of a BMP for grey levels, blackens a GIF's transparent
colour, ignores that of grey PNG below 8 bits, and knows no orientation that stands in XMP alone. For such files, serve
what ingestion makes of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from models.options import Options

if TYPE_CHECKING:
    import tensorflow as tf

RESIZE_TOLERANCE = 2
JPEG_QUALITY = 95

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Its place in the header, which is always the first chunk.
_PNG_BIT_DEPTH = 24
# EXIF is an APP1 segment near the start of a JPEG file: its size field has 16 bits. In PNG it is a chunk, which writers
# put before the pixels.
_EXIF_BYTES = 65536
# Tag 0x0112 (orientation), type 3 (short), count 1, then the value; little- and big-endian (EXIF 2.32, section 4.6.2).
_ORIENTATION_LITTLE = bytes.fromhex("1201030001000000")
_ORIENTATION_BIG = bytes.fromhex("0112000300000001")


class ImageOptions(Options):
    """How images are stored.

    ``raw`` keeps the pixels as they are and reads fastest; ``png`` is lossless and smaller, ``jpeg`` smallest.
    """

    height: int = Field(64, ge=8, le=4096, description="Height of the stored image, in pixels.")
    width: int = Field(64, ge=8, le=4096, description="Width of the stored image, in pixels.")
    encoding: Literal["raw", "png", "jpeg"] = Field("raw", description="How the pixels are stored in the record.")
    background: str = Field("#ffffff", description="The colour behind transparent pixels, as #rrggbb.")

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


def decode_stored(images: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Reads the ``image`` feature of a batch of records.

    Args:
        images: string ``[batch]``.

    Returns:
        uint8 ``[batch, height, width, 3]``.
    """
    import tensorflow as tf

    shape = [options.height, options.width, 3]
    if options.encoding == "raw":
        return tf.reshape(tf.io.decode_raw(images, tf.uint8), [-1, *shape])

    def decode(image: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(_decode(image), shape)

    return tf.map_fn(decode, images, fn_output_signature=tf.TensorSpec(shape, tf.uint8))


def decode_image_file(image: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Decodes one PNG, JPEG, GIF or BMP file the way ingestion does.

    Args:
        image: scalar string, the bytes of the file.

    Returns:
        uint8 ``[height, width, 3]``; of an animation, the first frame.
    """
    import tensorflow as tf

    decoded = tf.cond(_is_png(image), lambda: _decode_png(image), lambda: _decode(image))
    pixels = _orient(_flatten(decoded, options), _exif_orientation(image))
    target = (options.height, options.width)
    resized = tf.image.resize(pixels, target, method="bilinear", antialias=True)
    rounded = tf.saturate_cast(tf.round(resized), tf.uint8)
    if options.encoding == "jpeg":
        # Training saw what JPEG left of the pixels.
        rounded = _decode(tf.io.encode_jpeg(rounded, quality=JPEG_QUALITY, chroma_downsampling=False))
    return tf.ensure_shape(rounded, [*target, 3])


def _decode(image: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    # TensorFlow's default for JPEG is a faster, less exact transform than Pillow's.
    return tf.cond(
        tf.io.is_jpeg(image),
        lambda: tf.io.decode_jpeg(image, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(image, expand_animations=False),
    )


def _is_png(image: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return tf.equal(tf.strings.substr(image, 0, len(_PNG_SIGNATURE)), _PNG_SIGNATURE)


def _decode_png(image: tf.Tensor) -> tf.Tensor:
    """PNG's transparent colour is none of its channels: four of them make it alpha.

    Below 8 bits TensorFlow fills alpha with the largest sample, which is 1 of 255 for black and white.
    """
    import tensorflow as tf

    bit_depth = tf.io.decode_raw(tf.strings.substr(image, _PNG_BIT_DEPTH, 1), tf.uint8)[0]
    return tf.cond(bit_depth >= 8, lambda: tf.io.decode_png(image, channels=4), lambda: _decode(image))


def _flatten(pixels: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Grey, grey+alpha, RGB or RGBA ``[h, w, 1-4]`` over the background, as RGB ``[h, w, 3]``."""
    import tensorflow as tf

    channels = tf.shape(pixels)[-1]
    colour = tf.cond(channels >= 3, lambda: pixels[..., :3], lambda: tf.repeat(pixels[..., :1], 3, axis=-1))
    has_alpha = tf.logical_or(tf.equal(channels, 2), tf.equal(channels, 4))
    alpha = tf.cond(
        has_alpha, lambda: pixels[..., -1:], lambda: tf.fill(tf.shape(pixels[..., :1]), tf.constant(255, tf.uint8))
    )
    alpha = tf.cast(alpha, tf.int32)
    background = tf.constant(options.background_rgb, tf.int32)
    blended = (tf.cast(colour, tf.int32) * alpha + background * (255 - alpha) + 127) // 255
    return tf.cast(blended, tf.uint8)


def _exif_orientation(image: tf.Tensor) -> tf.Tensor:
    """The EXIF orientation 1-8 of a JPEG or PNG file; 1 where there is none."""
    import tensorflow as tf

    head = tf.cast(tf.io.decode_raw(tf.strings.substr(image, 0, _EXIF_BYTES), tf.uint8), tf.int32)

    def value_after(tag: bytes, offset: int) -> tf.Tensor:
        frame = len(tag) + offset + 1
        windows = tf.signal.frame(head, frame, 1)
        found = tf.reduce_all(windows[:, : len(tag)] == tf.constant(list(tag)), axis=1)
        return tf.concat([tf.boolean_mask(windows[:, -1], found), [1]], axis=0)[0]

    def of_exif() -> tf.Tensor:
        value = tf.maximum(value_after(_ORIENTATION_LITTLE, 0), value_after(_ORIENTATION_BIG, 1))
        return tf.where(value <= 8, value, 1)

    return tf.cond(tf.io.is_jpeg(image) | _is_png(image), of_exif, lambda: tf.constant(1))


def _orient(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns ``[h, w, 3]`` upright; the eight cases are those of ``PIL.ImageOps.exif_transpose``."""
    import tensorflow as tf

    def transpose(image: tf.Tensor) -> tf.Tensor:
        return tf.transpose(image, [1, 0, 2])

    cases = [
        lambda: pixels,
        lambda: pixels[:, ::-1],
        lambda: pixels[::-1, ::-1],
        lambda: pixels[::-1],
        lambda: transpose(pixels),
        lambda: transpose(pixels)[:, ::-1],
        lambda: transpose(pixels)[::-1, ::-1],
        lambda: transpose(pixels)[::-1],
    ]
    return tf.switch_case(orientation - 1, cases)
