"""Decodes the requests to ``classify`` and ``embed``; a row that cannot be used gets an error and spoils no other row.

TensorFlow's image decoders fail for the whole batch. A ``tf.data`` pipeline can skip the elements that fail, and the
indices of the others tell which did.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import tensorflow as tf

from diptych.models.images.decoding import decode_image_file
from diptych.models.images.options import ImageOptions
from diptych.models.tracing import without_autograph

MISSING_IMAGE = "image: there is none, and this model needs one"
MISSING_TEXT = "description: there is none, and this model needs one"
BAD_IMAGE = "image: it cannot be decoded; whole PNG, JPEG, GIF and BMP files of the usual kinds can"
BAD_TEXT = "description: it is not valid UTF-8"


@dataclass(frozen=True)
class RequestBatch:
    """A batch of decoded requests.

    Attributes:
        images: uint8 ``[b, height, width, 3]``; zeros where there is no image or it cannot be decoded.
        texts: string ``[b]``; empty where there is no text or it is not valid.
        errors: string ``[b]``; empty where the row can be used.
    """

    images: tf.Tensor
    texts: tf.Tensor
    errors: tf.Tensor


def decode_request_batch(
    images: tf.Tensor, texts: tf.Tensor, options: ImageOptions, required: tuple[str, ...]
) -> RequestBatch:
    """Decodes a batch of requests; no content of a row raises an error.

    Args:
        images: the bytes of image files, string ``[b]``; empty for no image.
        texts: string ``[b]``; empty for no text.
        options: how images are stored in the records that the model was trained on.
        required: those of ``image`` and ``text`` that a row must have.
    """
    pixels, decoded = _image_decoder(options)(images)
    # Transcoding drops invalid bytes, and so changes a text that has any.
    valid = tf.equal(tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore"), texts)
    no_image, no_text = tf.equal(images, ""), tf.equal(tf.strings.strip(texts), "")
    errors = tf.fill(tf.shape(images), "")
    for message, applies in (
        (BAD_TEXT, ~valid),
        (BAD_IMAGE, ~decoded & ~no_image),
        (MISSING_TEXT, no_text & ("text" in required)),
        (MISSING_IMAGE, no_image & ("image" in required)),
    ):
        errors = tf.where(applies, message, errors)
    return RequestBatch(pixels, tf.where(valid, texts, ""), errors)


@cache
def _image_decoder(options: ImageOptions) -> Any:
    """The function ``_decode_images`` of images alone, whose graph all signatures share: tracing it takes a second."""

    def decode(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _decode_images(images, options)

    return tf.function(decode, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def _decode_images(images: tf.Tensor, options: ImageOptions) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes image files, string ``[b]``.

    Returns:
        Pixels uint8 ``[b, height, width, 3]``, and which files could be decoded, bool ``[b]``; pixels are 0 where not.
    """
    shape = [options.height, options.width, 3]
    rows = tf.shape(images, out_type=tf.int64)[0]
    # One more image is appended, because get_single_element fails if no file could be decoded.
    appended = tf.data.Dataset.from_tensors((rows, tf.zeros(shape, tf.uint8)))
    decoded = (
        tf.data.Dataset.from_tensor_slices(images)
        .enumerate()
        .map(
            without_autograph(lambda index, image: (index, decode_image_file(image, options))),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=False,
        )
        .ignore_errors()
        .concatenate(appended)
        .batch(rows + 1)
        .with_options(_without_autotune())
    )
    indices, pixels = decoded.get_single_element()
    indices = indices[:, tf.newaxis]
    padded_shape = tf.concat([[rows + 1], tf.constant(shape, tf.int64)], axis=0)
    found = tf.scatter_nd(indices, tf.ones_like(indices[:, 0]), [rows + 1]) > 0
    return tf.ensure_shape(tf.scatter_nd(indices, pixels, padded_shape)[:-1], [None, *shape]), found[:-1]


def _without_autotune() -> tf.data.Options:
    # A request ends before the thread that tunes the pipeline has measured anything.
    options = tf.data.Options()
    options.autotune.enabled = False
    return options
