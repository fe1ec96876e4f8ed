"""Pixels as networks trained on ImageNet expect them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import tensorflow as tf

#: The modes of ``keras.applications.imagenet_utils.preprocess_input``.
ImageNetMode = Literal["caffe", "tf", "torch"]

# Of ImageNet's training pixels; for "caffe" of 0..255, blue, green, red, for "torch" of 0..1, red, green, blue.
_CAFFE_MEAN = (103.939, 116.779, 123.68)
_TORCH_MEAN = (0.485, 0.456, 0.406)
_TORCH_DEVIATION = (0.229, 0.224, 0.225)


def preprocess_imagenet(images: Any, mode: ImageNetMode) -> tf.Tensor:
    """RGB 0..255 ``[..., 3]`` to float32 of the same shape, bit for bit as Keras does it.

    ``caffe`` turns RGB to BGR and subtracts ImageNet's mean; ``tf`` scales to -1..1; ``torch`` scales to 0..1,
    subtracts ImageNet's mean and divides by its deviation.

    Raises:
        ValueError: there is no such mode.
    """
    pixels = tf.cast(images, tf.float32)
    if mode == "caffe":
        return pixels[..., ::-1] - tf.constant(_CAFFE_MEAN)
    if mode == "tf":
        return _divided(pixels, [127.5]) - 1.0
    if mode == "torch":
        return _divided(_divided(pixels, [255.0]) - tf.constant(_TORCH_MEAN), _TORCH_DEVIATION)
    raise ValueError(f"there is no mode '{mode}' of ImageNet's pixels: use caffe, tf or torch")


def _divided(pixels: tf.Tensor, divisors: Sequence[float]) -> tf.Tensor:
    """Float32 divided by float32, correctly rounded.

    In graphs TensorFlow and XLA multiply by the inverse of a constant instead: in float32 the last bit would be wrong.
    """
    exact = tf.cast(tf.constant(divisors, tf.float32), tf.float64)
    return tf.cast(tf.cast(pixels, tf.float64) / exact, tf.float32)
