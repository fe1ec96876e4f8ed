"""TensorFlow ops that decode the first frame of GIF files to the pixels that Pillow gives, which ingestion stores.

TensorFlow makes the transparent colour black, and what the frame leaves free. So a file with a transparent colour is
decoded twice, with that colour black and white, and not transparent: where the two differ, the picture is transparent.
A frame that leaves a part of the picture free is refused.
"""

from __future__ import annotations

import tensorflow as tf

# Offsets and codes of the GIF89a specification, sections 18 to 23.
_SCREEN_SIZE, _SCREEN_FLAGS, _SCREEN_END = 6, 10, 13
_EXTENSION, _FRAME, _GRAPHIC_CONTROL = 0x21, 0x2C, 0xF9
# Offsets into a graphic control extension, and into the descriptor of a frame.
_CONTROL_FLAGS, _TRANSPARENT_COLOUR = 3, 6
_FRAME_PLACE, _FRAME_FLAGS, _FRAME_END = 1, 9, 10
_NOWHERE = -1
# More than any file has before its first frame.
_MAX_BLOCKS = 20_000


def is_gif(image: tf.Tensor) -> tf.Tensor:
    """Whether a file, a scalar string, is a GIF file; bool."""
    return tf.equal(tf.strings.substr(image, 0, 4), b"GIF8")


def decode_gif(image: tf.Tensor) -> tf.Tensor:
    """Decodes the first frame of a GIF file.

    Args:
        image: scalar string.

    Returns:
        uint8 ``[h, w, 4]``, RGB and alpha.

    Raises:
        InvalidArgumentError: the file is broken or of a kind that is refused.
    """
    data = tf.io.decode_raw(image, tf.uint8)
    control, frame = _find_frame(data)
    # The place of the frame is left, top, width and height, each in two bytes.
    screen, place = data[_SCREEN_SIZE : _SCREEN_SIZE + 4], data[frame + _FRAME_PLACE : frame + _FRAME_FLAGS]
    _require(tf.reduce_all(tf.concat([tf.zeros([4], tf.uint8), screen], axis=0) == place))
    flags = tf.cond(control == _NOWHERE, lambda: 0, lambda: _byte(data, control + _CONTROL_FLAGS))
    return tf.cond(
        flags % 2 == 1, lambda: _decode_transparent(image, data, control, frame), lambda: _opaque(_decode(image))
    )


def _find_frame(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The offsets of the first frame's graphic control extension, or ``_NOWHERE``, and of its descriptor."""

    def skip(at: tf.Tensor, control: tf.Tensor, inside: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # An extension is two bytes and some blocks; a block begins with its size, and the last is empty.
        is_control = ~inside & (_byte(data, at + 1) == _GRAPHIC_CONTROL)
        # Decoders disagree on a frame with two of them.
        _require(~is_control | (control == _NOWHERE))
        size = _byte(data, at)
        return at + tf.where(inside, 1 + size, 2), tf.where(is_control, at, control), ~inside | (size > 0)

    start = (_SCREEN_END + _table_bytes(_byte(data, _SCREEN_FLAGS)), tf.constant(_NOWHERE), tf.constant(False))
    frame, control, inside = tf.while_loop(
        lambda at, _, inside: inside | (_byte(data, at) == _EXTENSION), skip, start, maximum_iterations=_MAX_BLOCKS
    )
    _require(~inside & (_byte(data, frame) == _FRAME))
    return control, frame


def _decode_transparent(image: tf.Tensor, data: tf.Tensor, control: tf.Tensor, frame: tf.Tensor) -> tf.Tensor:
    colour = _byte(data, control + _TRANSPARENT_COLOUR)
    of_frame, of_screen = _byte(data, frame + _FRAME_FLAGS), _byte(data, _SCREEN_FLAGS)
    has_own = _table_bytes(of_frame) > 0
    table, size = (
        tf.where(has_own, own, shared)
        for own, shared in ((frame + _FRAME_END, _SCREEN_END), (_table_bytes(of_frame), _table_bytes(of_screen)))
    )
    opaque = _replaced(image, control + _CONTROL_FLAGS, b"\0")

    def decode_twice() -> tf.Tensor:
        black, white = (_decode(_replaced(opaque, table + 3 * colour, 3 * level)) for level in (b"\0", b"\xff"))
        alpha = tf.where(tf.reduce_any(black != white, axis=-1, keepdims=True), 0, 255)
        return tf.concat([black, tf.cast(alpha, tf.uint8)], axis=-1)

    # A colour that the table does not have is that of no pixel.
    return tf.cond(3 * colour < size, decode_twice, lambda: _opaque(_decode(opaque)))


def _decode(image: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.io.decode_image(image, channels=3, expand_animations=False), [None, None, 3])


def _opaque(pixels: tf.Tensor) -> tf.Tensor:
    return tf.concat([pixels, tf.fill(tf.shape(pixels[..., :1]), tf.constant(255, tf.uint8))], axis=-1)


def _table_bytes(flags: tf.Tensor) -> tf.Tensor:
    """The size of the colour table that some flags announce; 0 for none."""
    return tf.where(flags >= 0x80, 3 * tf.bitwise.left_shift(2, flags % 8), 0)


def _byte(data: tf.Tensor, at: tf.Tensor | int) -> tf.Tensor:
    return tf.cast(data[at], tf.int32)


def _replaced(image: tf.Tensor, at: tf.Tensor, content: bytes) -> tf.Tensor:
    """A file with other bytes from an offset on, as many as there were."""
    rest = tf.strings.substr(image, at + len(content), tf.strings.length(image))
    return tf.strings.join([tf.strings.substr(image, 0, at), content, rest])


def _require(condition: tf.Tensor) -> None:
    tf.debugging.Assert(condition, ["a GIF file of a kind that is not served"])
