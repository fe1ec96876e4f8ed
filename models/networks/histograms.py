"""Features that need no training: where edges run, and which colours there are. They suit a catalogue of few images."""

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
# Lengths of the two vectors: so long that the layers above learn from them at the rates usual for networks.
_EDGES_LENGTH = 6.0
_COLOURS_LENGTH = 2.0


@keras.saving.register_keras_serializable("diptych")
class EdgesAndColours(keras.layers.Layer):
    """Histograms of oriented gradients (Dalal and Triggs, 2005) beside one of colours; no weight is learned.

    Takes RGB 0..255 ``[b, h, w, 3]``, sides of at least 16, and gives float32 ``[b, n]``:

    - edges: of each pixel the gradient of the channel where it is steepest; in cells of 8 x 8 pixels, which share what
      lies between their centres, its length is added up in 9 directions of 0 to 180 degrees; each 2 x 2 cells are
      scaled to length 1, cut at 0.2 and scaled again ("L2-Hys"). All of it is scaled to length 6.
    - colours: the square root of each of 64 colours' share in the pixels, 4 levels a channel, scaled to length 2.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})

    def call(self, images: Any) -> Any:
        pixels = tf.cast(images, tf.float32)
        return tf.concat([_EDGES_LENGTH * _unit(_edges(pixels)), _COLOURS_LENGTH * _colours(pixels)], axis=1)

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        _, height, width, _ = images.shape
        blocks = (height // _CELL - 1) * (width // _CELL - 1)
        return keras.KerasTensor((images.shape[0], blocks * 4 * _BINS + _LEVELS**3), "float32")


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    return vectors * tf.math.rsqrt(tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True) + _EPSILON)


def _edges(pixels: tf.Tensor) -> tf.Tensor:
    """Float32 ``[b, blocks * 36]``."""
    padded = tf.pad(pixels, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    steepest = tf.argmax(tf.square(across) + tf.square(down), axis=-1)
    chosen = tf.one_hot(steepest, 3)
    across, down = tf.reduce_sum(across * chosen, axis=-1), tf.reduce_sum(down * chosen, axis=-1)
    length = tf.sqrt(tf.square(across) + tf.square(down))
    place = tf.math.floormod(tf.math.atan2(down, across), math.pi) * (_BINS / math.pi) - 0.5
    # Of each pixel the two nearest directions, the last of which is next to the first.
    distance = tf.abs(place[..., tf.newaxis] - tf.range(_BINS, dtype=tf.float32))
    shares = tf.maximum(1 - tf.minimum(distance, _BINS - distance), 0)
    return _blocks(_cells(shares * length[..., tf.newaxis]))


def _cells(directions: tf.Tensor) -> tf.Tensor:
    """Sums of ``[b, h, w, 9]`` in cells, each pixel shared between the nearest: ``[b, h // 8, w // 8, 9]``."""
    height, width = (side // _CELL * _CELL for side in directions.shape[1:3])
    slope = 1 - np.abs(np.arange(2 * _CELL) - _CELL + 0.5) / _CELL
    kernel = np.repeat(np.outer(slope, slope)[..., None, None], _BINS, axis=2).astype(np.float32)
    half = _CELL // 2
    padded = tf.pad(directions[:, :height, :width], [[0, 0], [half, half], [half, half], [0, 0]])
    return tf.nn.depthwise_conv2d(padded, kernel, [1, _CELL, _CELL, 1], "VALID")


def _blocks(cells: tf.Tensor) -> tf.Tensor:
    four = [cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:]]
    blocks = _unit(tf.minimum(_unit(tf.concat(four, axis=-1)), _CLIP))
    return tf.reshape(blocks, [-1, math.prod(blocks.shape[1:])])


def _colours(pixels: tf.Tensor) -> tf.Tensor:
    """Float32 ``[b, 64]`` of length 1."""
    levels = tf.one_hot(tf.cast(pixels * (_LEVELS / 256), tf.int32), _LEVELS)
    flat = tf.reshape(levels, [-1, math.prod(levels.shape[1:3]), 3, _LEVELS])
    red, green, blue = tf.unstack(flat, axis=2)
    first_two = tf.reshape(red[..., :, tf.newaxis] * green[..., tf.newaxis, :], [-1, flat.shape[1], _LEVELS**2])
    shares = tf.matmul(first_two, blue, transpose_a=True) / flat.shape[1]
    return tf.sqrt(tf.reshape(shares, [-1, _LEVELS**3]))
