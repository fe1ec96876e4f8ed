"""Descriptors of images for linear models: their edges, colours and small pixels."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.models.networks.histograms import colour_shares, gradient_cells, normalise, sum_weighted

_SIDE = 64
_SMALL_SIDE = 32
_PIXELS_SIDE = 8
# A cell's histogram counts at most this much of the gradients around it, so that one strong edge hides no others.
_CLIP = 0.2
# The L2 norms of the parts, chosen by linear models of seven catalogues.
_GRADIENTS_NORM = 6.0
_SMALL_GRADIENTS_NORM = 4.0
_COLOURS_NORM = 2.0
_QUARTERS_NORM = 3.0


@keras.saving.register_keras_serializable("diptych")
class ImageDescriptors(keras.layers.Layer):
    """Describes images for a linear model by gradients, colours and pixels, without weights.

    Takes RGB 0..255 ``[b, h, w, 3]`` of any fixed height and width; returns float32 ``[b, 1232]``, in which these
    follow each other. All are taken of the image at 64 x 64 pixels, to which it is stretched.

    - Gradients, 576 and 144: histograms of 9 orientations in cells of 8 x 8 pixels, of the image at 64 x 64 pixels,
      scaled to norm 6, and at 32 x 32, scaled to norm 4. Each cell is normalised by each of the four blocks of 2 x 2
      cells that it belongs to, clipped at 0.2, and averaged (Felzenszwalb et al., "Object Detection with
      Discriminatively Trained Part-Based Models", 2010): a quarter of the size of Dalal's and Triggs' blocks.
    - Colours, 64 and 256: the square roots of the shares of 64 colours in the image, scaled to norm 2, and in each of
      its quarters, together scaled to norm 3.
    - Pixels, 192: the image at 8 x 8 pixels, from -0.5 to 0.5.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})

    def call(self, images: Any) -> Any:
        pixels = _resize(tf.cast(images, tf.float32), _SIDE)
        small = _resize(pixels, _SMALL_SIDE)
        quarters = _quarter_shares(pixels)
        parts = [
            _GRADIENTS_NORM * _describe_gradients(pixels),
            _SMALL_GRADIENTS_NORM * _describe_gradients(small),
            _COLOURS_NORM * tf.sqrt(tf.reduce_mean(quarters, axis=1)),
            _QUARTERS_NORM * _flatten(tf.sqrt(quarters / quarters.shape[1])),
            _flatten(_resize(small, _PIXELS_SIDE)) / 255 - 0.5,
        ]
        return tf.concat(parts, axis=1)

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        cells = sum((side // 8) ** 2 for side in (_SIDE, _SMALL_SIDE))
        return keras.KerasTensor((images.shape[0], 9 * cells + (1 + 4) * 64 + 3 * _PIXELS_SIDE**2), "float32")


def _describe_gradients(pixels: tf.Tensor) -> tf.Tensor:
    """The normalised cells of gradients, of norm 1: ``[b, h, w, 3]`` to ``[b, h // 8 * w // 8 * 9]``."""
    cells = gradient_cells(pixels)
    energy = tf.reduce_sum(tf.square(cells), axis=-1, keepdims=True)
    energy = tf.pad(energy, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    rows = energy[:, :-1] + energy[:, 1:]
    scales = tf.math.rsqrt(rows[:, :, :-1] + rows[:, :, 1:] + 1)
    around = [scales[:, :-1, :-1], scales[:, :-1, 1:], scales[:, 1:, :-1], scales[:, 1:, 1:]]
    return normalise(_flatten(tf.add_n([tf.minimum(cells * scale, _CLIP) for scale in around]) / len(around)))


def _quarter_shares(pixels: tf.Tensor) -> tf.Tensor:
    """The shares of the colours in each quarter of images ``[b, h, w, 3]``: ``[b, 4, 64]``."""
    half = _SIDE // 2
    quarters = tf.transpose(tf.reshape(pixels, [-1, 2, half, 2, half, 3]), [0, 1, 3, 2, 4, 5])
    shares = colour_shares(tf.reshape(quarters, [-1, half, half, 3]))
    return tf.reshape(shares, [-1, 4, shares.shape[-1]])


def _resize(pixels: tf.Tensor, side: int) -> tf.Tensor:
    """What ``tf.image.resize`` with ``antialias=True`` computes of ``[b, h, w, 3]``: ``[b, side, side, 3]``.

    TensorFlow Lite and ONNX have no antialiased resizing, but they have products of matrices.
    """
    height, width = pixels.shape[1:3]
    if (height, width) == (side, side):
        return pixels
    return sum_weighted(pixels, _resizing_weights(height, side), _resizing_weights(width, side))


def _resizing_weights(size: int, resized: int) -> NDArray[np.float32]:
    """The weight of each pixel of a line in each pixel of the resized line, float32 ``[resized, size]``.

    They fall linearly with the distance, to 0 at the distance between two pixels of the shorter line.
    """
    scale = size / resized
    centres = (np.arange(resized) + 0.5) * scale
    distances = np.abs(np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1)
    weights = np.maximum(1 - distances, 0)
    shares: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _flatten(values: tf.Tensor) -> tf.Tensor:
    """``[b, ...]`` to ``[b, n]``."""
    return tf.reshape(values, [-1, math.prod(values.shape[1:])])
