"""Image features that need no training, for catalogues of few images: histograms of gradients and of colours."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_CELL = 8
_BINS = 9
_CLIP = 0.2
_LEVELS = 4
_EPSILON = 1e-6
# The L2 norms of the two histograms, at which the layers after them learn well at usual learning rates.
_GRADIENTS_NORM = 6.0
_COLOURS_NORM = 2.0


@keras.saving.register_keras_serializable("diptych")
class HOGColourHistograms(keras.layers.Layer):
    """Histograms of oriented gradients (HOG; Dalal and Triggs, 2005) and a histogram of colours, without weights.

    Takes RGB 0..255 ``[b, h, w, 3]`` of at least 16 x 16 pixels; returns float32 ``[b, n]``, in which these follow each
    other:

    - Gradients: each pixel votes with the gradient of the channel where it is steepest, weighted by its magnitude, for
      the two nearest of 9 unsigned orientations (0 to 180 degrees) in the nearest cells of 8 x 8 pixels (trilinear
      interpolation). Each block of 2 x 2 cells is normalised by "L2-Hys": scaled to norm 1, clipped at 0.2, and scaled
      again. All blocks together are scaled to norm 6.
    - Colours: the square roots of the shares of 64 colours (4 levels a channel) among the pixels, scaled to norm 2.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})

    def call(self, images: Any) -> Any:
        pixels = tf.cast(images, tf.float32)
        gradients, colours = _normalise(_gradient_blocks(pixels)), _colour_histogram(pixels)
        return tf.concat([_GRADIENTS_NORM * gradients, _COLOURS_NORM * colours], axis=1)

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        _, height, width, _ = images.shape
        blocks = (height // _CELL - 1) * (width // _CELL - 1)
        return keras.KerasTensor((images.shape[0], blocks * 4 * _BINS + _LEVELS**3), "float32")


def _normalise(vectors: tf.Tensor) -> tf.Tensor:
    """Scales vectors ``[..., n]`` to L2 norm 1; zeros stay zeros."""
    return vectors * tf.math.rsqrt(tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True) + _EPSILON)


def _gradient_blocks(pixels: tf.Tensor) -> tf.Tensor:
    """The normalised blocks of gradients, float32 ``[b, blocks * 36]``."""
    padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    steepest = tf.argmax(tf.square(across) + tf.square(down), axis=-1)
    chosen = tf.one_hot(steepest, 3)
    across, down = tf.reduce_sum(across * chosen, axis=-1), tf.reduce_sum(down * chosen, axis=-1)
    magnitude = tf.sqrt(tf.square(across) + tf.square(down))
    orientation = tf.math.floormod(tf.math.atan2(down, across), math.pi) * (_BINS / math.pi) - 0.5
    # A pixel votes for the two nearest orientations; the last is next to the first.
    distance = tf.abs(orientation[..., tf.newaxis] - tf.range(_BINS, dtype=tf.float32))
    votes = tf.maximum(1 - tf.minimum(distance, _BINS - distance), 0)
    return _normalise_blocks(_sum_cells(votes * magnitude[..., tf.newaxis]))


def _sum_cells(votes: tf.Tensor) -> tf.Tensor:
    """Sums votes ``[b, h, w, 9]`` in cells, ``[b, h // 8, w // 8, 9]``; a pixel is shared by the nearest cells."""
    height, width = (side // _CELL * _CELL for side in votes.shape[1:3])
    slope = 1 - np.abs(np.arange(2 * _CELL) - _CELL + 0.5) / _CELL
    kernel = np.repeat(np.outer(slope, slope)[..., None, None], _BINS, axis=2).astype(np.float32)
    half = _CELL // 2
    padded = tf.pad(votes[:, :height, :width], [[0, 0], [half, half], [half, half], [0, 0]])
    return tf.nn.depthwise_conv2d(padded, kernel, [1, _CELL, _CELL, 1], "VALID")


def _normalise_blocks(cells: tf.Tensor) -> tf.Tensor:
    """Joins 2 x 2 cells of ``[b, rows, columns, 9]`` to each block, normalised by L2-Hys: ``[b, blocks * 36]``."""
    four = [cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:]]
    blocks = _normalise(tf.minimum(_normalise(tf.concat(four, axis=-1)), _CLIP))
    return tf.reshape(blocks, [-1, math.prod(blocks.shape[1:])])


def _colour_histogram(pixels: tf.Tensor) -> tf.Tensor:
    """The square roots of the colours' shares, float32 ``[b, 64]``, of norm 1."""
    levels = tf.one_hot(tf.cast(pixels * (_LEVELS / 256), tf.int32), _LEVELS)
    flat = tf.reshape(levels, [-1, math.prod(levels.shape[1:3]), 3, _LEVELS])
    red, green, blue = tf.unstack(flat, axis=2)
    first_two = tf.reshape(red[..., :, tf.newaxis] * green[..., tf.newaxis, :], [-1, flat.shape[1], _LEVELS**2])
    shares = tf.matmul(first_two, blue, transpose_a=True) / flat.shape[1]
    return tf.sqrt(tf.reshape(shares, [-1, _LEVELS**3]))
