"""TensorFlow ops that decode BMP files to the pixels that Pillow gives, which ingestion stores.

``tf.io.decode_bmp`` returns the samples as they are: the numbers of colours in a palette, and the fourth byte of 32-bit
pixels, which is no alpha unless the header says so. Kinds that are rare are refused: compressed files, those of OS/2,
samples in another order.
"""

from __future__ import annotations

import tensorflow as tf

# Offsets into the header, and sizes of the header that begins at _HEADER (Windows GDI, BITMAPINFOHEADER and later).
_PIXELS_AT, _HEADER, _BITS, _COMPRESSION, _COLOURS, _MASKS = 10, 14, 28, 30, 46, 54
_HEADER_SIZES = (40, 52, 56, 108, 124)
# From this size on the header has a mask of alpha.
_SIZE_WITH_ALPHA = 56
_UNCOMPRESSED, _BY_MASKS = 0, 3
_MASKS_OF_BGR = (0xFF0000, 0xFF00, 0xFF)
_MASK_OF_ALPHA = 0xFF000000


def is_bmp(image: tf.Tensor) -> tf.Tensor:
    """Whether a file, a scalar string, is a BMP file; bool."""
    return tf.equal(tf.strings.substr(image, 0, 2), b"BM")


def decode_bmp(image: tf.Tensor) -> tf.Tensor:
    """Decodes a BMP file.

    Args:
        image: scalar string.

    Returns:
        uint8 ``[h, w, 3]``, RGB, or ``[h, w, 4]`` with alpha.

    Raises:
        InvalidArgumentError: the file is broken or of a kind that is refused.
    """
    bits, compression = _number(image, _BITS, 2), _number(image, _COMPRESSION, 4)
    decoders = {
        8: lambda: _decode_palette(image),
        24: lambda: tf.io.decode_bmp(image, channels=3),
        32: lambda: _decode_32_bits(image),
    }
    is_kind = bits == tf.constant(list(decoders), tf.int64)
    _require(tf.reduce_any(_number(image, _HEADER, 4) == tf.constant(_HEADER_SIZES, tf.int64)))
    _require(tf.reduce_any(is_kind))
    _require((compression == _UNCOMPRESSED) | ((compression == _BY_MASKS) & (bits == 32)))
    return tf.switch_case(tf.argmax(is_kind, output_type=tf.int32), list(decoders.values()))


def _decode_palette(image: tf.Tensor) -> tf.Tensor:
    colours = _number(image, _COLOURS, 4)
    colours = tf.where(colours == 0, tf.constant(256, tf.int64), colours)
    palette_at = _HEADER + _number(image, _HEADER, 4)
    # Pillow takes a file of two colours for one of a bit for each pixel.
    _require((colours > 2) & (colours <= 256) & (palette_at + 4 * colours <= _number(image, _PIXELS_AT, 4)))
    entries = tf.io.decode_raw(tf.strings.substr(image, palette_at, 4 * colours), tf.uint8)
    index = tf.cast(tf.io.decode_bmp(image)[..., 0], tf.int64)
    _require(tf.reduce_all(index < colours))
    return tf.gather(tf.reshape(entries, [-1, 4])[:, 2::-1], index)


def _decode_32_bits(image: tf.Tensor) -> tf.Tensor:
    pixels = tf.io.decode_bmp(image, channels=4)
    by_masks = _number(image, _COMPRESSION, 4) == _BY_MASKS
    masks = [_number(image, _MASKS + 4 * place, 4) for place in range(4)]
    is_bgr = tf.reduce_all(tf.stack(masks[:3]) == tf.constant(_MASKS_OF_BGR, tf.int64))
    alpha = tf.where(_number(image, _HEADER, 4) >= _SIZE_WITH_ALPHA, masks[3], tf.zeros([], tf.int64))
    _require(~by_masks | (is_bgr & ((alpha == 0) | (alpha == _MASK_OF_ALPHA))))
    return tf.cond(by_masks & (alpha != 0), lambda: pixels, lambda: pixels[..., :3])


def _number(image: tf.Tensor, at: tf.Tensor | int, count: int) -> tf.Tensor:
    """The number in some bytes of a file, the lowest first; int64."""
    digits = tf.cast(tf.io.decode_raw(tf.strings.substr(image, at, count), tf.uint8), tf.int64)
    return tf.reduce_sum(digits * tf.constant([1 << 8 * place for place in range(count)], tf.int64))


def _require(condition: tf.Tensor) -> None:
    tf.debugging.Assert(condition, ["a BMP file of a kind that is not served"])
