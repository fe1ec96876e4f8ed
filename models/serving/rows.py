"""What callers send to ``classify`` and ``embed``: a row that cannot be used has an error, and only that row.

TensorFlow's decoders fail for the whole batch. In ``tf.data`` a row that fails can be left out, and which ones were is
told by the places of those that came through.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from diptych.models.images.decoding import decode_image_file
from diptych.models.images.options import ImageOptions

MISSING_IMAGE = "image: there is none, and this model needs one"
MISSING_TEXT = "description: there is none, and this model needs one"
BAD_IMAGE = "image: it cannot be decoded; whole PNG, JPEG, GIF and BMP files can"
BAD_TEXT = "description: it is not valid UTF-8"


@dataclass(frozen=True)
class Rows:
    """A batch.

    Attributes:
        images: uint8 ``[b, height, width, 3]``; all 0 where there is none.
        texts: string ``[b]``; empty where there is none.
        errors: string ``[b]``; empty where the row can be used.
    """

    images: tf.Tensor
    texts: tf.Tensor
    errors: tf.Tensor


def read_rows(images: tf.Tensor, texts: tf.Tensor, options: ImageOptions, needed: tuple[str, ...]) -> Rows:
    """Decodes a batch; nothing in it raises.

    Args:
        images: string ``[b]``, the bytes of files; empty for none.
        texts: string ``[b]``; empty for none.
        needed: what a row must have: ``image`` and ``text``, or one of both.
    """
    pixels, decoded = _decode(images, options)
    # What is no UTF-8 loses bytes here.
    valid = tf.equal(tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore"), texts)
    no_image, no_text = tf.equal(images, ""), tf.equal(tf.strings.strip(texts), "")
    errors = tf.fill(tf.shape(images), "")
    for message, holds in (
        (BAD_TEXT, ~valid),
        (BAD_IMAGE, ~decoded & ~no_image),
        (MISSING_TEXT, no_text & ("text" in needed)),
        (MISSING_IMAGE, no_image & ("image" in needed)),
    ):
        errors = tf.where(holds, message, errors)
    return Rows(pixels, tf.where(valid, texts, ""), errors)


def _decode(images: tf.Tensor, options: ImageOptions) -> tuple[tf.Tensor, tf.Tensor]:
    """Pixels uint8 ``[b, height, width, 3]`` and whether they are the file's, bool ``[b]``; all 0 where not."""
    shape = [options.height, options.width, 3]
    rows = tf.shape(images, out_type=tf.int64)[0]
    # Without one row at least there is no batch to get.
    last = tf.data.Dataset.from_tensors((rows, tf.zeros(shape, tf.uint8)))
    decoded = (
        tf.data.Dataset.from_tensor_slices(images)
        .enumerate()
        .map(
            lambda place, image: (place, decode_image_file(image, options)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=False,
        )
        .ignore_errors()
        .concatenate(last)
        .batch(rows + 1)
        .with_options(_without_tuner())
    )
    places, pixels = decoded.get_single_element()
    places = places[:, tf.newaxis]
    whole = tf.concat([[rows + 1], tf.constant(shape, tf.int64)], axis=0)
    found = tf.scatter_nd(places, tf.ones_like(places[:, 0]), [rows + 1]) > 0
    return tf.ensure_shape(tf.scatter_nd(places, pixels, whole)[:-1], [None, *shape]), found[:-1]


def _without_tuner() -> tf.data.Options:
    """A request is over before the thread that tunes has learned anything."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options
