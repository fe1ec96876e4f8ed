"""TensorFlow ops that decode stored images and image files to the pixels that ingestion stores.

Serving must see what ingestion stored. Ingestion decodes with libjpeg-turbo and Pillow, which read more formats and
need no TensorFlow; ``decode_image_file`` repeats its steps as TensorFlow ops: decode (a JPEG at 1/2, 1/4 or 1/8 of its
size where that is no smaller than what is stored), orient by EXIF, flatten alpha, crop, resize, pad. Where nothing is
resized the pixels are equal; elsewhere they differ by at most ``RESIZE_TOLERANCE`` levels of 255, where one library's
rounding falls up and the other's down. On photographs the mean absolute difference is below 0.01 levels where ``area``
shrinks, and below 0.05 with every other filter.

TensorFlow reads no TIFF, AVIF, HEIF or 1-bit BMP, and WebP only from 2.21 on; it knows no colour profile, and no
orientation that stands in XMP alone; it takes the palette of a BMP for grey levels, blackens a GIF's transparent
colour, and ignores that of grey PNG below 8 bits. For such files, serve what ingestion makes of them. Colours of CMYK
files may be one level darker: TensorFlow rounds them down.
"""

from __future__ import annotations

import tensorflow as tf

from diptych.models.images.geometry import JPEG_DOWNSCALING_RATIOS
from diptych.models.images.options import JPEG_QUALITY, ImageOptions, check_encoding_supported

RESIZE_TOLERANCE = 2

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Its place in the header, which is always the first chunk.
_PNG_BIT_DEPTH = 24
# EXIF is an APP1 segment near the start of a JPEG file: its size field has 16 bits. In PNG it is a chunk, which writers
# put before the pixels.
_EXIF_BYTES = 65536
# Tag 0x0112 (orientation), type 3 (short), count 1, then the value; little- and big-endian (EXIF 2.32, section 4.6.2).
_ORIENTATION_LITTLE = bytes.fromhex("1201030001000000")
_ORIENTATION_BIG = bytes.fromhex("0112000300000001")


def decode_stored_images(images: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Reads the ``image`` feature of a batch of records.

    Args:
        images: string ``[batch]``.

    Returns:
        uint8 ``[batch, height, width, 3]``.

    Raises:
        ValueError: the installed TensorFlow cannot read the encoding.
    """
    check_encoding_supported(options)
    shape = [options.height, options.width, 3]
    if options.encoding == "raw":
        return tf.reshape(tf.io.decode_raw(images, tf.uint8), [-1, *shape])

    def decode(image: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(_decode(image), shape)

    return tf.map_fn(decode, images, fn_output_signature=tf.TensorSpec(shape, tf.uint8))


def decode_image_file(image: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Decodes one image file the way ingestion does: PNG, JPEG, GIF or BMP, and WebP from TensorFlow 2.21 on.

    Args:
        image: scalar string, the bytes of the file.

    Returns:
        uint8 ``[height, width, 3]``; of an animation, the first frame.
    """
    orientation = _exif_orientation(image)
    decoded, shape = tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg(image, orientation, options),
        lambda: _decode_other(image, orientation),
    )
    pixels = _orient(_flatten(decoded, options), orientation)
    if options.aspect == "crop":
        box = _fit(tf.constant([options.height, options.width], tf.int64), _shape(pixels))
        pixels = _centre(pixels, box)
    resized = _resize(pixels, _resized_shape(shape, options), options)
    if options.aspect == "pad":
        resized = _pad(resized, options)
    if options.encoding == "jpeg":
        # Training saw what JPEG left of the pixels.
        resized = _decode(tf.io.encode_jpeg(resized, quality=JPEG_QUALITY, chroma_downsampling=False))
    return tf.ensure_shape(resized, [options.height, options.width, 3])


def _decode(image: tf.Tensor) -> tf.Tensor:
    return tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg_at(image, 1),
        lambda: tf.io.decode_image(image, expand_animations=False),
    )


def _decode_jpeg_at(image: tf.Tensor, ratio: int) -> tf.Tensor:
    # TensorFlow's default is a faster, less exact transform than libjpeg's.
    return tf.io.decode_jpeg(image, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")


def _decode_jpeg(image: tf.Tensor, orientation: tf.Tensor, options: ImageOptions) -> tuple[tf.Tensor, tf.Tensor]:
    """Pixels as the file turns them, at 1/``jpeg_ratio``, and the original's upright shape, int64 ``[2]``."""
    shape = _upright(tf.cast(tf.io.extract_jpeg_shape(image)[:2], tf.int64), orientation)
    target = _resized_shape(shape, options)
    fitting = [tf.reduce_all(-(-shape // ratio) >= target) for ratio in JPEG_DOWNSCALING_RATIOS]
    # What one ratio fits, smaller ones fit too.
    branch = tf.add_n([tf.cast(fits, tf.int32) for fits in fitting])
    ratios = (1, *reversed(JPEG_DOWNSCALING_RATIOS))
    return tf.switch_case(branch, [lambda ratio=ratio: _decode_jpeg_at(image, ratio) for ratio in ratios]), shape


def _decode_other(image: tf.Tensor, orientation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Likewise, of a file that is no JPEG."""
    pixels = tf.cond(_is_png(image), lambda: _decode_png(image), lambda: _decode(image))
    return pixels, _upright(_shape(pixels), orientation)


def _is_png(image: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.substr(image, 0, len(_PNG_SIGNATURE)), _PNG_SIGNATURE)


def _decode_png(image: tf.Tensor) -> tf.Tensor:
    """PNG's transparent colour is none of its channels: four of them make it alpha.

    Below 8 bits TensorFlow fills alpha with the largest sample, which is 1 of 255 for black and white.
    """
    bit_depth = tf.io.decode_raw(tf.strings.substr(image, _PNG_BIT_DEPTH, 1), tf.uint8)[0]
    return tf.cond(bit_depth >= 8, lambda: tf.io.decode_png(image, channels=4), lambda: _decode(image))


def _flatten(pixels: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Grey, grey+alpha, RGB or RGBA ``[h, w, 1-4]`` over the background, as RGB ``[h, w, 3]``."""
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


def _shape(pixels: tf.Tensor) -> tf.Tensor:
    """Height and width of ``[h, w, c]``, int64 ``[2]``: their products pass 32 bits."""
    return tf.shape(pixels, out_type=tf.int64)[:2]


def _upright(shape: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    return tf.where(orientation >= 5, shape[::-1], shape)


def _fit(shape: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """``fit``, for shapes int64 ``[2]``."""
    across = shape[::-1]
    return tf.minimum(box, tf.maximum(tf.constant(1, tf.int64), (2 * shape * box[::-1] + across) // (2 * across)))


def _resized_shape(shape: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """``resized_shape``, for a shape int64 ``[2]``."""
    target = tf.constant([options.height, options.width], tf.int64)
    return _fit(shape, target) if options.aspect == "pad" else target


def _centre(pixels: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """The middle of ``[h, w, 3]``."""
    start = (_shape(pixels) - box) // 2
    return tf.slice(pixels, tf.concat([start, [0]], axis=0), tf.concat([box, [3]], axis=0))


def _resize(pixels: tf.Tensor, shape: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    if options.filter != "area":
        return _resize_like_pillow(pixels, shape, options.filter)
    return tf.cond(
        tf.reduce_all(shape <= _shape(pixels)),
        lambda: tf.saturate_cast(tf.round(tf.image.resize(pixels, tf.cast(shape, tf.int32), "area")), tf.uint8),
        lambda: _resize_like_pillow(pixels, shape, "bilinear"),
    )


def _resize_like_pillow(pixels: tf.Tensor, shape: tf.Tensor, filter_: str) -> tf.Tensor:
    """Rounds to 8 bits, and clips what overshoots, between a horizontal and a vertical pass, as Pillow does."""

    def to(size: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        method = "lanczos3" if filter_ == "lanczos" else filter_
        resized = tf.image.resize(image, tf.cast(size, tf.int32), method, antialias=True)
        return tf.saturate_cast(tf.floor(resized + 0.5), tf.uint8)

    return to(shape, to(tf.stack([_shape(pixels)[0], shape[1]]), pixels))


def _pad(pixels: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Puts ``[h, w, 3]`` in the middle of the background."""
    target = tf.constant([options.height, options.width], tf.int64)
    before = (target - _shape(pixels)) // 2
    after = target - _shape(pixels) - before
    paddings = tf.stack([before, after], axis=1)
    channels = [
        tf.pad(pixels[..., channel], paddings, constant_values=tf.constant(level, tf.uint8))
        for channel, level in enumerate(options.background_rgb)
    ]
    return tf.stack(channels, axis=-1)
