"""TensorFlow ops that find what metadata change about a picture, and TensorFlow's decoders do not see.

Ingestion converts colours by profiles, unless they are sRGB's, and turns pictures as EXIF or XMP says. Here such files
are only recognised, so that they can be refused.
"""

from __future__ import annotations

import tensorflow as tf

from diptych.models.images.png_decoding import is_png

# What precedes a profile in a JPEG file (ICC.1, annex B.4), with the number of its first part; and its chunk in PNG.
_JPEG_PROFILE, _PNG_PROFILE = b"ICC_PROFILE\0\x01", b"iCCP"
# A longer profile is that of a printing press.
_MAX_CHUNK_BYTES = 1 << 16
# Texts of PNG files that may hold EXIF or XMP in a form that is not searched: in hexadecimal digits, or compressed.
_HIDDEN_TEXTS = (b"Raw profile type exif", b"XML:com.adobe.xmp\0\x01")
_XMP_ORIENTATION = b"tiff:Orientation"
# Offset of the flags in a WebP file of the extended kind, and those of a profile, EXIF and XMP.
_WEBP_FLAGS, _WEBP_METADATA = 20, 0x20 | 0x08 | 0x04
# Offset of the table of tags in a profile (ICC.1, section 7.3).
_TAGS = 128
# sRGB's primaries for the white of profiles, and its curve as parameters (IEC 61966-2-1; ICC.1, section 10.18).
_PRIMARIES = {b"rXYZ": (0.4361, 0.2225, 0.0139), b"gXYZ": (0.3851, 0.7169, 0.0971), b"bXYZ": (0.1431, 0.0606, 0.7141)}
_CURVES = (b"rTRC", b"gTRC", b"bTRC")
_PARAMETERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Of a curve that is a table, so many values are looked at. Both differ by no more from sRGB's, on a scale of 1.
_POINTS, _TOLERANCE = 32, 0.002


def changes_picture(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Whether metadata of a file change its picture in a way that no decoder here follows; bool.

    Args:
        image: scalar string.
        orientation: that is followed, 1 to 8.

    Raises:
        InvalidArgumentError: a profile is broken.
    """
    return tf.case(
        [
            (tf.io.is_jpeg(image), lambda: _has_other_profile(_jpeg_profile(image)) | _is_turned(image, orientation)),
            (is_png(image), lambda: _png_changes(image, orientation)),
        ],
        default=lambda: _webp_changes(image),
    )


def _png_changes(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    hidden = tf.reduce_any([_contains(image, text) for text in _HIDDEN_TEXTS])
    return hidden | _has_other_profile(_png_profile(image)) | _is_turned(image, orientation)


def _webp_changes(image: tf.Tensor) -> tf.Tensor:
    head = tf.io.decode_raw(tf.strings.substr(image, 0, _WEBP_FLAGS + 1), tf.uint8)
    is_extended = tf.equal(tf.strings.substr(image, 8, 8), b"WEBPVP8X") & (tf.size(head) > _WEBP_FLAGS)
    return tf.cond(is_extended, lambda: tf.bitwise.bitwise_and(head[_WEBP_FLAGS], _WEBP_METADATA) != 0, lambda: False)


def _contains(image: tf.Tensor, text: bytes) -> tf.Tensor:
    return tf.size(tf.strings.split(image, text)) > 1


def _is_turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Whether XMP gives another orientation."""
    after = tf.strings.split(image, _XMP_ORIENTATION)
    # An attribute ="6", or an element >6<.
    digits = tf.strings.regex_replace(tf.strings.substr(after[1:], 0, 3), "[^2-8]", "")
    return tf.reduce_any((digits != "") & (digits != tf.strings.as_string(orientation)))


def _jpeg_profile(image: tf.Tensor) -> tf.Tensor:
    """The first part of a profile, behind the number of parts; empty if there is none."""
    parts = tf.strings.split(image, _JPEG_PROFILE)
    return tf.cond(tf.size(parts) > 1, lambda: tf.strings.substr(parts[1], 1, _MAX_CHUNK_BYTES), lambda: "")


def _png_profile(image: tf.Tensor) -> tf.Tensor:
    """The profile, which follows a name and the number of the compression; empty if there is none."""
    parts = tf.strings.split(image, _PNG_PROFILE)

    def unpack() -> tf.Tensor:
        length = tf.io.decode_raw(tf.strings.substr(parts[0], -4, 4), tf.int32, little_endian=False)[0]
        tf.debugging.Assert(length < _MAX_CHUNK_BYTES, ["a profile that is too large"])
        # What follows the part may be parted itself: the name of a chunk may stand in compressed bytes.
        content = tf.strings.substr(tf.strings.reduce_join(parts[1:], separator=_PNG_PROFILE), 0, length)
        name = tf.strings.split(content, b"\0", maxsplit=1)[0]
        return tf.io.decode_compressed(tf.strings.substr(content, tf.strings.length(name) + 2, length), "ZLIB")

    return tf.cond(tf.size(parts) > 1, unpack, lambda: "")


def _has_other_profile(profile: tf.Tensor) -> tf.Tensor:
    """Whether there is a profile, and it is not sRGB's."""
    return tf.cond(tf.equal(profile, ""), lambda: False, lambda: ~_is_srgb(tf.io.decode_raw(profile, tf.uint8)))


def _is_srgb(profile: tf.Tensor) -> tf.Tensor:
    data = tf.cast(profile, tf.int32)
    entries = tf.reshape(data[_TAGS + 4 : _TAGS + 4 + 12 * _number(data, _TAGS, 4)], [-1, 12])

    def place(tag: bytes) -> tf.Tensor:
        # A profile of another kind lacks the tag: taking the first of no entries is an error, which refuses the file.
        return _number(tf.boolean_mask(entries, tf.reduce_all(entries[:, :4] == list(tag), axis=1))[0], 4, 4)

    primaries = [_is_near(_fixed(data, place(tag) + 8, 3), values) for tag, values in _PRIMARIES.items()]
    return tf.reduce_all(primaries + [_is_srgb_curve(data, place(tag)) for tag in _CURVES])


def _is_srgb_curve(data: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    kind = data[at : at + 4]

    def is_table() -> tf.Tensor:
        count = _number(data, at + 8, 4)
        tf.debugging.Assert(count >= _POINTS, ["a curve of few points"])
        places = tf.range(_POINTS) * (count - 1) // (_POINTS - 1)
        levels = tf.gather(data, at + 12 + 2 * places) * 256 + tf.gather(data, at + 13 + 2 * places)
        x = tf.cast(places, tf.float32) / tf.cast(count - 1, tf.float32)
        gamma, scale, offset, slope, linear = _PARAMETERS
        expected = tf.where(x < linear, slope * x, (scale * x + offset) ** gamma)
        return _is_near(tf.cast(levels, tf.float32) / 65535, expected)

    def is_formula() -> tf.Tensor:
        return (_number(data, at + 8, 2) == 3) & _is_near(_fixed(data, at + 12, 5), _PARAMETERS)

    cases = [(tf.reduce_all(kind == list(b"curv")), is_table), (tf.reduce_all(kind == list(b"para")), is_formula)]
    return tf.case(cases, default=lambda: tf.constant(False))


def _is_near(found: tf.Tensor, expected: tf.Tensor | tuple[float, ...]) -> tf.Tensor:
    return tf.reduce_all(tf.abs(found - expected) <= _TOLERANCE)


def _fixed(data: tf.Tensor, at: tf.Tensor, count: int) -> tf.Tensor:
    """Numbers of 16 bits before and 16 behind the point; a curve's and a primary's are below 2^15."""
    content = tf.reshape(data[at : at + 4 * count], [count, 4])
    return tf.cast(tf.reduce_sum(content * [1 << 24, 1 << 16, 1 << 8, 1], axis=1), tf.float32) / 65536


def _number(data: tf.Tensor, at: tf.Tensor | int, count: int) -> tf.Tensor:
    """The number in some bytes, the highest first; int32."""
    return tf.reduce_sum(data[at : at + count] * [1 << 8 * (count - 1 - place) for place in range(count)])
