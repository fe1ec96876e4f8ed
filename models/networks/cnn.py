"""A compact convolutional network that learns a few thousand images from random weights, on processors too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from keras import layers


def compact_cnn(filters: Sequence[int], images: Any) -> Any:
    """Encodes images float ``[b, h, w, 3]`` as vectors float ``[b, n]``.

    The first block quarters height and width, by a stride and pooling, so that few of the multiplications are at full
    resolution; each block after it halves them. A depthwise separable convolution of as many filters takes fewer
    multiplications, but more time on processors. What remains of the image is not averaged: where something lies tells
    much about drawings. Of several devices, each normalises by the whole batch, so that they learn what one would.

    Args:
        filters: the number of filters in each block.
    """
    x = images
    for number, count in enumerate(filters):
        x = layers.Conv2D(count, 3, strides=1 if number else 2, padding="same", use_bias=False)(x)
        # Keras's default momentum of 0.99 suits thousands of steps; a small catalogue has a few dozen an epoch.
        x = layers.BatchNormalization(momentum=0.9, synchronized=tf.distribute.has_strategy())(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D(padding="same")(x)
    return layers.Flatten()(x)
