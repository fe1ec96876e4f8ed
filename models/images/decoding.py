"""TensorFlow ops that decode stored images, and image files to the pixels that ingestion would store.

Ingestion decodes with libjpeg-turbo and Pillow, which read more formats and need no TensorFlow. Serving must see the
same pixels, so ``decode_image_file`` repeats ingestion's steps with TensorFlow ops: decode (a JPEG at 1/2, 1/4 or 1/8
of its size where that is no smaller than the stored image), orient by EXIF, blend transparency with the background,
crop, resize, pad. Where nothing is resized, the pixels are equal. Elsewhere they differ by at most ``RESIZE_TOLERANCE``
levels of 255, where the two libraries round in different directions. On photographs the mean absolute difference is
below 0.01 levels if ``area`` shrinks the image, and below 0.05 levels with every other filter.

What TensorFlow cannot do is refused: TIFF, AVIF and HEIF, WebP before version 2.21, BMP files but those of 8, 24 or 32
bits a pixel that are not compressed, GIF files whose first frame does not fill the picture, files whose colours a
profile changes, those with an orientation that only XMP gives, see ``file_metadata``, or that stands in EXIF
elsewhere than in a first directory at its start, and progressive JPEG files that lack scans. Colours of CMYK files may
be one level darker, because TensorFlow rounds them down.
"""

from __future__ import annotations

import tensorflow as tf

from diptych.models.images.bmp_decoding import decode_bmp, is_bmp
from diptych.models.images.file_metadata import changes_picture
from diptych.models.images.geometry import JPEG_DOWNSCALING_RATIOS
from diptych.models.images.gif_decoding import decode_gif, is_gif
from diptych.models.images.jpeg_scans import lacks_scans
from diptych.models.images.options import JPEG_QUALITY, ImageOptions, check_encoding_supported
from diptych.models.images.png_decoding import decode_png, is_png

#: The greatest difference between a pixel that is stored and one that is served, in levels of 255.
RESIZE_TOLERANCE = 2

# How much of a file is searched for EXIF. In JPEG it is a segment near the start, at most 65536 bytes long because its
# size field has 16 bits. In PNG it is a chunk, which writers put before the pixels.
_EXIF_BYTES = 65536
# What EXIF begins with if its first directory follows at once, little- and big-endian (TIFF 6.0, section 2).
_TIFF_LITTLE, _TIFF_BIG = b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"
# The EXIF entry of the orientation up to its value, little- and big-endian: tag 0x0112, type 3 (short), count 1
# (EXIF 2.32, section 4.6.2).
_ORIENTATION_LITTLE = bytes.fromhex("1201030001000000")
_ORIENTATION_BIG = bytes.fromhex("0112000300000001")


def decode_stored_images(images: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Decodes the ``image`` feature of a batch of records.

    Args:
        images: string ``[b]``.

    Returns:
        uint8 ``[b, height, width, 3]``, RGB.

    Raises:
        OptionsError: the installed TensorFlow cannot read the encoding.
    """
    check_encoding_supported(options)
    shape = [options.height, options.width, 3]
    if options.encoding == "raw":
        return tf.reshape(tf.io.decode_raw(images, tf.uint8), [-1, *shape])

    def decode(image: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(_decode_any(image), shape)

    return tf.map_fn(decode, images, fn_output_signature=tf.TensorSpec(shape, tf.uint8))


def decode_image_file(image: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Decodes one image file to the pixels that ingestion would store.

    Args:
        image: scalar string, the bytes of a PNG, JPEG, GIF or BMP file, or from TensorFlow 2.21 on of a WebP file.

    Returns:
        uint8 ``[height, width, 3]``, RGB; for an animation its first frame.

    Raises:
        InvalidArgumentError: the file is broken or of a kind that is refused; where a graph is run.
        DataLossError: the colour profile of a PNG file is broken; where a graph is run.
    """
    orientation = _exif_orientation(image)
    tf.debugging.Assert(~changes_picture(image, orientation), ["a file whose metadata change its picture"])
    decoded, shape = tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg(image, orientation, options),
        lambda: _decode_other(image, orientation),
    )
    pixels = _orient(_blend_with_background(decoded, options), orientation)
    if options.aspect == "crop":
        box = _fit_within(tf.constant([options.height, options.width], tf.int64), _shape(pixels))
        pixels = _crop_centre(pixels, box)
    resized = _resize(pixels, _resized_shape(shape, options), options)
    if options.aspect == "pad":
        resized = _pad(resized, options)
    if options.encoding == "jpeg":
        # Training sees the pixels after JPEG's loss.
        resized = _decode_any(tf.io.encode_jpeg(resized, quality=JPEG_QUALITY, chroma_downsampling=False))
    return tf.ensure_shape(resized, [options.height, options.width, 3])


def _decode_any(image: tf.Tensor) -> tf.Tensor:
    """Decodes a file of any format that TensorFlow reads, uint8 ``[h, w, 1-4]``."""
    return tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg_downscaled(image, 1),
        lambda: tf.io.decode_image(image, expand_animations=False),
    )


def _decode_jpeg_downscaled(image: tf.Tensor, ratio: int) -> tf.Tensor:
    # TensorFlow's default is a transform that is faster but less exact than the one libjpeg uses.
    return tf.io.decode_jpeg(image, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")


def _decode_jpeg(image: tf.Tensor, orientation: tf.Tensor, options: ImageOptions) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a JPEG file at 1/``jpeg_downscaling_ratio`` of its size.

    Returns:
        The pixels, not yet upright, and the height and width of the upright image before downscaling, int64 ``[2]``.
    """
    tf.debugging.Assert(~lacks_scans(image), ["a progressive JPEG file that lacks scans"])
    shape = _upright(tf.cast(tf.io.extract_jpeg_shape(image)[:2], tf.int64), orientation)
    target = _resized_shape(shape, options)
    large_enough = [tf.reduce_all(-(-shape // ratio) >= target) for ratio in JPEG_DOWNSCALING_RATIOS]
    # If a ratio leaves the image large enough, so do all smaller ratios: their number is the branch to take.
    branch = tf.add_n([tf.cast(enough, tf.int32) for enough in large_enough])
    ratios = (1, *reversed(JPEG_DOWNSCALING_RATIOS))
    return tf.switch_case(
        branch, [lambda ratio=ratio: _decode_jpeg_downscaled(image, ratio) for ratio in ratios]
    ), shape


def _decode_other(image: tf.Tensor, orientation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a file that is no JPEG at its full size; returns the same as ``_decode_jpeg``."""
    decoders = [
        (is_png(image), lambda: decode_png(image)),
        (is_bmp(image), lambda: decode_bmp(image)),
        (is_gif(image), lambda: decode_gif(image)),
    ]
    pixels = tf.case(decoders, default=lambda: _decode_any(image))
    return pixels, _upright(_shape(pixels), orientation)


def _blend_with_background(pixels: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Turns grey, grey and alpha, RGB or RGBA ``[h, w, 1-4]`` into RGB ``[h, w, 3]`` in front of the background."""
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
    """The EXIF orientation of a JPEG or PNG file, 1 to 8; 1 where there is none."""
    head = tf.cast(tf.io.decode_raw(tf.strings.substr(image, 0, _EXIF_BYTES), tf.uint8), tf.int32)

    def places(of: bytes) -> tf.Tensor:
        windows = tf.signal.frame(head, len(of), 1)
        return tf.where(tf.reduce_all(windows == tf.constant(list(of)), axis=1))[:, 0]

    def value(header: bytes, entry: bytes, skipped: int, count_at: int) -> tf.Tensor:
        headers, entries = places(header), places(entry)
        start, at = tf.concat([headers, [0]], 0)[0], tf.concat([entries, [0]], 0)[0]
        # Entries have 12 bytes. Elsewhere, such as in the directory of a thumbnail, it is not the picture's.
        offset = at - start - len(header) - 2
        count = tf.cast(tf.concat([head, tf.zeros([16], tf.int32)], 0)[start + len(header) + count_at], tf.int64)
        is_entry = (tf.size(headers) > 0) & (offset >= 0) & (offset % 12 == 0) & (offset // 12 < count)
        found = tf.size(entries) > 0
        tf.debugging.Assert(~found | is_entry, ["a file whose EXIF is not as cameras write it"])
        padded = tf.concat([head, tf.ones([16], tf.int32)], 0)
        return tf.where(found, padded[at + len(entry) + skipped], 1)

    def find_orientation() -> tf.Tensor:
        found = tf.maximum(value(_TIFF_LITTLE, _ORIENTATION_LITTLE, 0, 0), value(_TIFF_BIG, _ORIENTATION_BIG, 1, 1))
        return tf.where(found <= 8, tf.maximum(found, 1), 1)

    return tf.cond(tf.io.is_jpeg(image) | is_png(image), find_orientation, lambda: tf.constant(1))


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
    """Height and width of ``[h, w, c]``, int64 ``[2]``, because products of them may exceed 32 bits."""
    return tf.shape(pixels, out_type=tf.int64)[:2]


def _upright(shape: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Swaps height and width, int64 ``[2]``, where the EXIF orientation turns the image by 90 degrees."""
    return tf.where(orientation >= 5, shape[::-1], shape)


def _fit_within(shape: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """``geometry.fit_within`` for shapes int64 ``[2]``."""
    other = shape[::-1]
    return tf.minimum(box, tf.maximum(tf.constant(1, tf.int64), (2 * shape * box[::-1] + other) // (2 * other)))


def _resized_shape(shape: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """``geometry.resized_shape`` for a shape int64 ``[2]``."""
    target = tf.constant([options.height, options.width], tf.int64)
    return _fit_within(shape, target) if options.aspect == "pad" else target


def _crop_centre(pixels: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """The centre of ``[h, w, 3]`` that has the height and width of ``box``, int64 ``[2]``."""
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
    """Resizes horizontally, then vertically, and after each pass rounds and clips to 8 bits, as Pillow does."""
    method = "lanczos3" if filter_ == "lanczos" else filter_

    def resize(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        resized = tf.image.resize(image, tf.cast(size, tf.int32), method, antialias=True)
        return tf.saturate_cast(tf.floor(resized + 0.5), tf.uint8)

    return resize(resize(pixels, tf.stack([_shape(pixels)[0], shape[1]])), shape)


def _pad(pixels: tf.Tensor, options: ImageOptions) -> tf.Tensor:
    """Adds the background around ``[h, w, 3]``, which stays in the centre."""
    target = tf.constant([options.height, options.width], tf.int64)
    before = (target - _shape(pixels)) // 2
    after = target - _shape(pixels) - before
    paddings = tf.stack([before, after], axis=1)
    channels = [
        tf.pad(pixels[..., channel], paddings, constant_values=tf.constant(level, tf.uint8))
        for channel, level in enumerate(options.background_rgb)
    ]
    return tf.stack(channels, axis=-1)
