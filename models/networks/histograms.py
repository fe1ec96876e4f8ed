"""Histograms of the gradients and of the colours of images (HOG; Dalal and Triggs, 2005)."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_CELL = 8
_BINS = 9
_LEVELS = 4
_EPSILON = 1e-6


def normalise(vectors: tf.Tensor) -> tf.Tensor:
    """Scales vectors ``[..., n]`` to L2 norm 1; zeros stay zeros."""
    return vectors * tf.math.rsqrt(tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True) + _EPSILON)


def gradient_cells(pixels: tf.Tensor) -> tf.Tensor:
    """Histograms of the gradients of RGB 0..255, float32 ``[b, h, w, 3]`` to ``[b, h // 8, w // 8, 9]``.

    Each pixel votes with the gradient of the channel where it is steepest, weighted by its magnitude, for the two
    nearest of 9 unsigned orientations (0 to 180 degrees) in the nearest cells of 8 x 8 pixels.
    """
    across, down = _steepest_gradients(pixels)
    magnitude = tf.sqrt(tf.square(across) + tf.square(down))
    orientation = tf.math.floormod(tf.math.atan2(down, across), math.pi) * (_BINS / math.pi) - 0.5
    # A pixel votes for the two nearest orientations; the last is next to the first.
    distance = tf.abs(orientation[..., tf.newaxis] - tf.range(_BINS, dtype=tf.float32))
    votes = tf.maximum(1 - tf.minimum(distance, _BINS - distance), 0)
    height, width = pixels.shape[1:3]
    return sum_weighted(votes * magnitude[..., tf.newaxis], _cell_weights(height), _cell_weights(width))


def _steepest_gradients(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The differences across and down, ``[b, h, w]`` each, of the channel whose gradient is steepest at each pixel."""
    padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    across = tf.unstack(padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2], axis=-1)
    down = tf.unstack(padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1], axis=-1)
    steepest = across[0], down[0]
    for other in zip(across[1:], down[1:], strict=True):
        steeper = _squared_length(other) > _squared_length(steepest)
        steepest = tf.where(steeper, other[0], steepest[0]), tf.where(steeper, other[1], steepest[1])
    return steepest


def _squared_length(gradient: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    return tf.square(gradient[0]) + tf.square(gradient[1])


def _cell_weights(size: int) -> NDArray[np.float32]:
    """The share of each pixel of a line in each cell, float32 ``[size // 8, size]``; 0 for pixels beyond the cells."""
    whole = size // _CELL * _CELL
    centres = np.arange(_CELL // 2, whole, _CELL)
    distances = np.abs(np.arange(size) + 0.5 - centres[:, None]) / _CELL
    return (np.maximum(1 - distances, 0) * (np.arange(size) < whole)).astype(np.float32)


def sum_weighted(values: tf.Tensor, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> tf.Tensor:
    """Sums ``[b, h, w, c]`` by the weights of rows ``[m, h]`` and of columns ``[n, w]`` to ``[b, m, n, c]``.

    It is faster than a convolution with strides, and takes an empty batch.
    """
    height, width, channels = values.shape[1:]
    lines = tf.matmul(rows, tf.reshape(values, [-1, height, width * channels]))
    summed = tf.matmul(columns, tf.reshape(lines, [-1, width, channels]))
    return tf.reshape(summed, [-1, len(rows), len(columns), channels])


def colour_shares(pixels: tf.Tensor) -> tf.Tensor:
    """The shares of 64 colours (4 levels a channel) in RGB 0..255, float32 ``[b, h, w, 3]`` to ``[b, 64]``."""
    levels = tf.one_hot(tf.cast(pixels * (_LEVELS / 256), tf.int32), _LEVELS)
    flat = tf.reshape(levels, [-1, math.prod(levels.shape[1:3]), 3, _LEVELS])
    red, green, blue = tf.unstack(flat, axis=2)
    first_two = tf.reshape(red[..., :, tf.newaxis] * green[..., tf.newaxis, :], [-1, flat.shape[1], _LEVELS**2])
    shares = tf.matmul(first_two, blue, transpose_a=True) / flat.shape[1]
    return tf.reshape(shares, [-1, _LEVELS**3])
