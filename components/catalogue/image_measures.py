"""Measures of images: their health, and the perceptual hash by which near duplicates are found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np

from diptych.components.catalogue.image_colours import Pixels
from diptych.models import features

_LEVELS = np.arange(256, dtype=np.float64)
_CELLS = 32
_FREQUENCIES = 8
# A picture is reduced to so many pixels a side, two for each cell, before it is averaged exactly.
_REDUCED_SIDE = 2 * _CELLS

Matrix = np.ndarray[Any, np.dtype[np.float64]]
_COSINES: Matrix = np.cos(np.pi / (2 * _CELLS) * np.arange(_FREQUENCIES)[:, None] * (2 * np.arange(_CELLS) + 1))


def measure_health(pixels: Pixels) -> Mapping[str, float]:
    """Measures the health of stored pixels; returns it by feature name.

    All are measured on the luma: OpenCV's grey, with the weights of ITU-R BT.601, rounded to 0-255. Brightness and
    contrast are its mean and standard deviation. Sharpness is the variance of its 4-neighbour Laplacian at inner pixels
    (J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", 2000). Entropy is
    the entropy of its 256-bin histogram, in bits, rounded to six decimals (C. E. Shannon, "A mathematical theory of
    communication", 1948). Sums are of whole numbers that a double holds exactly, so the result depends neither on the
    order of addition nor on the libraries' versions.
    """
    luma = luma_of(pixels)
    histogram = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    total, squares = int(histogram @ _LEVELS), int(histogram @ _LEVELS**2)
    laplacian = cv2.Laplacian(luma, cv2.CV_16S)[1:-1, 1:-1]
    edges, edge_squares = int(cv2.sumElems(laplacian)[0]), int(cv2.norm(laplacian, cv2.NORM_L2SQR))
    return {
        features.BRIGHTNESS: total / luma.size,
        features.CONTRAST: math.sqrt(_variance(total, squares, luma.size)),
        features.SHARPNESS: _variance(edges, edge_squares, laplacian.size),
        features.ENTROPY: _entropy(histogram),
    }


def luma_of(pixels: Pixels) -> Pixels:
    """The luma ``[h, w]`` of RGB ``[h, w, 3]``."""
    return cast(Pixels, cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def halve(luma: Pixels) -> Pixels:
    """Averages every four neighbours of ``[h, w]``; an odd last row or column is repeated."""
    height, width = luma.shape
    if height % 2 or width % 2:
        luma = cast(Pixels, cv2.copyMakeBorder(luma, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE))
    return cast(Pixels, cv2.resize(luma, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA))


def _variance(total: int, total_of_squares: int, count: int) -> float:
    return (count * total_of_squares - total**2) / count**2


def _entropy(histogram: Matrix) -> float:
    shares = histogram[histogram > 0] / histogram.sum()
    # Rounded, because the last digits of a logarithm depend on the library; abs, because -0.0 has other bytes than 0.0.
    return round(abs(float(shares @ np.log2(shares))), 6)


def perceptual_hash(luma: Pixels, shape: tuple[float, float], orientation: int) -> int:
    """The perceptual hash, 64 bits as a signed integer.

    Each bit says whether one of the 8x8 lowest DCT coefficients of the luma, averaged to 32x32 cells, exceeds their
    median: the pHash of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section
    3.2. Averages and DCT are computed together, by one matrix of whole numbers for each side.

    Args:
        luma: ``[h, w]``, not yet upright.
        shape: the height and width of the picture in pixels of ``luma``. They are less than those of ``luma`` where a
            JPEG file was shrunk: its last pixels may stand for less than a whole one.
        orientation: the EXIF orientation, 1 to 8.
    """
    if shape == luma.shape and max(shape) > _REDUCED_SIDE:
        size = (min(luma.shape[1], _REDUCED_SIDE), min(luma.shape[0], _REDUCED_SIDE))
        luma = cast(Pixels, cv2.resize(luma, size, interpolation=cv2.INTER_AREA))
        shape = luma.shape[0], luma.shape[1]
    scale = _dct_scale(luma.size)
    vertical, horizontal = (_low_frequencies(*side, scale) for side in zip(luma.shape, shape, strict=True))
    low = _turn(vertical @ luma.astype(np.float64) @ horizontal.T, orientation)
    ordered = np.sort(low, axis=None)
    bits = np.packbits(2 * low > ordered[31] + ordered[32])
    return int.from_bytes(bits.tobytes(), "big", signed=True)


def _turn(low: Matrix, orientation: int) -> Matrix:
    """The coefficients of the upright picture: one that is mirrored has odd waves of the opposite sign."""
    if orientation == 1:
        return low
    signs = np.where(np.arange(_FREQUENCIES) % 2, -1, 1)
    if orientation >= 5:
        low = low.T
    if orientation in (3, 4, 7, 8):
        low = low * signs[:, None]
    if orientation in (2, 3, 6, 7):
        low = low * signs
    return low


def _dct_scale(pixels: int) -> int:
    """The greatest power of two for which no sum exceeds 2^53, above which doubles are not exact."""
    return 1 << (53 - (255 * pixels).bit_length()) // 2


@lru_cache(maxsize=1024)
def _low_frequencies(pixels: int, length: float, scale: int) -> Matrix:
    """A matrix ``[8, pixels]`` that sums 32 cells of equal length and multiplies by the cosines of a DCT-II.

    Args:
        length: of all cells together, in pixels.
        scale: the elements are whole numbers, in units of 1/scale.
    """
    edges = np.arange(_CELLS + 1)[:, None] * (length / _CELLS)
    cells = np.diff(np.clip(edges - np.arange(pixels), 0, 1), axis=0)
    return cast(Matrix, np.rint(scale * (_COSINES @ cells)))
