"""Prepares pixels for networks that were trained on ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import tensorflow as tf

#: The modes of ``keras.applications.imagenet_utils.preprocess_input``.
ImageNetMode = Literal["caffe", "tf", "torch"]

# Statistics of ImageNet's training images: for "caffe" in the order blue, green, red and from 0 to 255, for "torch" in
# the order red, green, blue and from 0 to 1.
_CAFFE_MEAN = (103.939, 116.779, 123.68)
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_DEVIATION = (0.229, 0.224, 0.225)


def preprocess_imagenet(images: Any, mode: ImageNetMode) -> tf.Tensor:
    """Does what Keras's ``preprocess_input`` does, bit for bit.

    Args:
        images: RGB from 0 to 255, ``[..., 3]``.
        mode: "caffe" turns RGB into BGR and subtracts ImageNet's mean. "tf" scales to -1..1. "torch" scales to 0..1,
            subtracts ImageNet's mean and divides by its standard deviation.

    Returns:
        float32 of the same shape.

    Raises:
        ValueError: there is no such mode.
    """
    pixels = tf.cast(images, tf.float32)
    if mode == "caffe":
        return pixels[..., ::-1] - tf.constant(_CAFFE_MEAN)
    if mode == "tf":
        return _divide_exactly(pixels, [127.5]) - 1.0
    if mode == "torch":
        return _divide_exactly(_divide_exactly(pixels, [255.0]) - tf.constant(TORCH_MEAN), TORCH_DEVIATION)
    raise ValueError(f"there is no mode '{mode}' of ImageNet's pixels: use caffe, tf or torch")


def _divide_exactly(pixels: tf.Tensor, divisors: Sequence[float]) -> tf.Tensor:
    """Divides float32 by float32 with correct rounding.

    In graphs, TensorFlow and XLA replace division by a constant with multiplication by its inverse. In float32 that
    would make the last bit wrong; in float64 it does not.
    """
    exact = tf.cast(tf.constant(divisors, tf.float32), tf.float64)
    return tf.cast(tf.cast(pixels, tf.float64) / exact, tf.float32)
