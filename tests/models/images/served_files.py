"""Compares what serving computes from an image file with what ingestion stores."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.options import Limits
from diptych.models.images.options import ImageOptions


def stored(data: bytes, options: ImageOptions) -> np.ndarray:
    """The pixels that ingestion stores, uint8 ``[height, width, 3]``."""
    return decode_image(data, options, Limits()).pixels


def served(data: bytes, options: ImageOptions) -> np.ndarray | None:
    """The pixels that the served model sees; None if it refuses the file."""
    from diptych.models.serving.request_batch import BAD_IMAGE

    images, errors = _decoder(options.model_dump_json())([data])
    error = errors.numpy()[0].decode()
    assert error in ("", BAD_IMAGE)
    return None if error else images.numpy()[0]


@cache
def _decoder(options: str) -> Callable[[list[bytes]], tuple[Any, Any]]:
    """What the served model does with image files, as a graph."""
    import tensorflow as tf

    from diptych.models.serving.request_batch import decode_request_batch

    @partial(tf.function, autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
    def decode(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        texts = tf.fill(tf.shape(images), "")
        batch = decode_request_batch(images, texts, ImageOptions.model_validate_json(options), ())
        return batch.images, batch.errors

    return decode


def is_served_as_stored(data: bytes, options: ImageOptions) -> bool:
    """Whether serving gives the stored pixels; False if it refuses the file.

    Raises:
        AssertionError: it gives other pixels.
    """
    pixels = served(data, options)
    if pixels is not None:
        assert np.abs(pixels.astype(int) - stored(data, options)).max() == 0
    return pixels is not None


def assert_not_misread(data: bytes, options: ImageOptions) -> None:
    """Asserts that serving gives the stored pixels of a file that may be damaged, or that one of the two refuses it."""
    try:
        expected = stored(data, options)
    except ImageError:
        return
    pixels = served(data, options)
    assert pixels is None or np.array_equal(pixels, expected)
