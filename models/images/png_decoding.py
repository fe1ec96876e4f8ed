"""TensorFlow ops that decode PNG files to the pixels that Pillow gives, which ingestion stores.

TensorFlow turns the transparent colour of a file into alpha if it is asked for four channels. Below 8 bits a sample
this would be wrong, for it fills alpha with the largest sample of that bit depth, such as 1. So these files are decoded
with the channels that they have, and the transparent colour of grey ones is looked up here.
"""

from __future__ import annotations

import tensorflow as tf

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The header is always the first chunk. Offsets of the bit depth and the colour type in it, and of the next chunk.
_BIT_DEPTH, _COLOUR_TYPE, _SECOND_CHUNK = 24, 25, 33
_GREY = 0
# No file needs so many chunks before its pixels.
_MAX_CHUNKS = 20_000
# The bytes of a chunk beside its content: length, name and checksum.
_CHUNK_FRAME = 12
_CONTENT = 8


def is_png(image: tf.Tensor) -> tf.Tensor:
    """Whether a file, a scalar string, is a PNG file; bool."""
    return tf.equal(tf.strings.substr(image, 0, len(_SIGNATURE)), _SIGNATURE)


def decode_png(image: tf.Tensor) -> tf.Tensor:
    """Decodes a PNG file.

    Args:
        image: scalar string.

    Returns:
        uint8 ``[h, w, 1-4]``: grey, grey and alpha, RGB, or RGB and alpha.

    Raises:
        InvalidArgumentError: the file is broken.
    """
    bit_depth, colour_type = _byte(image, _BIT_DEPTH), _byte(image, _COLOUR_TYPE)
    return tf.cond(
        bit_depth >= 8,
        lambda: tf.io.decode_png(image, channels=4),
        lambda: tf.cond(colour_type == _GREY, lambda: _decode_grey(image, bit_depth), lambda: tf.io.decode_png(image)),
    )


def _decode_grey(image: tf.Tensor, bit_depth: tf.Tensor) -> tf.Tensor:
    """Decodes a grey file of less than 8 bits a sample, uint8 ``[h, w, 2]``."""
    grey = tf.io.decode_png(image, channels=1)
    chunk = _find_transparency(image)
    is_transparent = tf.equal(_name(image, chunk), b"tRNS")
    # The transparent level has two bytes, the higher first. It is scaled as the samples are.
    sample = tf.cond(is_transparent, lambda: _byte(image, chunk + _CONTENT + 1), lambda: -1)
    level = sample * (255 // (tf.bitwise.left_shift(1, bit_depth) - 1))
    alpha = tf.where(tf.cast(grey, tf.int32) == level, 0, 255)
    return tf.concat([grey, tf.cast(alpha, tf.uint8)], axis=-1)


def _find_transparency(image: tf.Tensor) -> tf.Tensor:
    """The offset of the chunk of the transparent colour, or of the first pixels, which it precedes."""

    def goes_on(at: tf.Tensor) -> tf.Tensor:
        name = _name(image, at)
        return (name != b"tRNS") & (name != b"IDAT")

    def skip(at: tf.Tensor) -> tuple[tf.Tensor]:
        length = tf.io.decode_raw(tf.strings.substr(image, at, 4), tf.int32, little_endian=False)[0]
        return (at + _CHUNK_FRAME + tf.cast(length, tf.int64),)

    start = tf.constant(_SECOND_CHUNK, tf.int64)
    (found,) = tf.while_loop(goes_on, skip, (start,), maximum_iterations=_MAX_CHUNKS)
    tf.debugging.Assert(~goes_on(found), ["a PNG file of too many chunks"])
    return found


def _name(image: tf.Tensor, chunk: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(image, chunk + 4, 4)


def _byte(image: tf.Tensor, at: tf.Tensor | int) -> tf.Tensor:
    return tf.cast(tf.io.decode_raw(tf.strings.substr(image, at, 1), tf.uint8)[0], tf.int32)
