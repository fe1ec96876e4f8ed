"""The health of stored pixels is measured correctly, and perceptual hashes tell pictures apart and bear changes."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_images

from diptych.components.catalogue import image_measures
from diptych.components.catalogue.image_measures import luma_of, measure_health, perceptual_hash
from diptych.models import features
from tests.helpers import as_file, noise
from tests.image_kinds import turned

# The perceptual hash and health of a corner of scikit-learn's first photograph; all supported libraries give the same.
PINNED_HASH = -3624749321876779614
PINNED = {
    features.BRIGHTNESS: 198.517578125,
    features.CONTRAST: 36.9750164225389,
    features.SHARPNESS: 998.4800933273367,
    features.ENTROPY: 4.647105,
}


def hash_of(pixels: np.ndarray) -> int:
    return perceptual_hash(luma_of(pixels), pixels.shape[:2], 1)


def test_measures_of_a_plain_picture() -> None:
    figures = measure_health(np.full((16, 16, 3), 100, np.uint8))
    assert figures[features.BRIGHTNESS] == 100
    for name in (features.CONTRAST, features.SHARPNESS, features.ENTROPY):
        assert struct.pack("d", figures[name]) == struct.pack("d", 0)


def test_measures_of_a_chequered_picture() -> None:
    board = np.indices((16, 16)).sum(axis=0) % 2 * 255
    figures = measure_health(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))
    assert figures[features.BRIGHTNESS] == 127.5
    assert figures[features.CONTRAST] == 127.5
    # Each pixel differs from its four neighbours by 255: the Laplacian is 1020 or -1020.
    assert figures[features.SHARPNESS] == 1020**2
    assert figures[features.ENTROPY] == 1


def test_measures_are_the_same_number_on_every_machine() -> None:
    photograph = load_sample_images().images[0][:128, :160]
    photograph = np.ascontiguousarray(photograph)
    assert measure_health(photograph) == PINNED
    assert hash_of(photograph) == PINNED_HASH


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), height=st.integers(8, 90), width=st.integers(8, 90))
def test_measures_agree_with_their_definitions(seed: int, height: int, width: int) -> None:
    pixels = noise(seed, height, width)
    figures = measure_health(pixels)
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(float)
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    shares = np.unique(luma, return_counts=True)[1] / luma.size
    assert figures[features.BRIGHTNESS] == pytest.approx(luma.mean())
    assert figures[features.CONTRAST] == pytest.approx(luma.std())
    assert figures[features.SHARPNESS] == pytest.approx(laplacian.var())
    assert figures[features.ENTROPY] == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-6)


def bits(pixels: np.ndarray) -> int:
    return hash_of(pixels) & (2**64 - 1)


def smooth(seed: int, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(noise(seed, 6, 6)).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("shape", [(96, 96), (33, 47), (300, 20), (8, 8)])
def test_perceptual_hash_bears_another_size(shape: tuple[int, int]) -> None:
    assert (bits(smooth(1, 64, 64)) ^ bits(smooth(1, *shape))).bit_count() <= 6


def test_perceptual_hash_tells_pictures_apart_and_bears_loss() -> None:
    assert (bits(smooth(1, 64, 64)) ^ bits(smooth(2, 64, 64))).bit_count() >= 16
    lossy = Image.open(io.BytesIO(as_file(smooth(1, 64, 64), "JPEG", quality=60)))
    assert (bits(smooth(1, 64, 64)) ^ bits(np.asarray(lossy))).bit_count() <= 4


def test_perceptual_hash_is_that_of_a_discrete_cosine_transform() -> None:
    from scipy.fft import dctn

    pixels = smooth(3, 64, 96)
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(float)
    low = dctn(luma.reshape(32, 2, 32, 3).mean(axis=(1, 3)))[:8, :8]
    expected = np.packbits(low > np.median(low)).tobytes()
    assert (bits(pixels) ^ int.from_bytes(expected, "big")).bit_count() <= 2


@pytest.mark.parametrize("side", [8, 128, 4096])
def test_the_sums_of_the_perceptual_hash_are_exact(side: int) -> None:
    matrix = image_measures._low_frequencies(side, side - 0.25, image_measures._dct_scale(side**2))
    assert np.array_equal(matrix, np.rint(matrix))
    assert 255 * np.abs(matrix).sum(axis=1).max() ** 2 < 2**53


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_perceptual_hash_of_a_turned_picture_is_that_of_the_upright_one(orientation: int) -> None:
    upright = smooth(4, 64, 48)
    stored = luma_of(turned(upright, orientation))
    assert perceptual_hash(stored, stored.shape, orientation) == hash_of(upright)


def test_a_perceptual_hash_takes_a_shrunk_picture_for_what_it_stands_for() -> None:
    """The last column of a picture that was shrunk eightfold stands for three pixels, the rest was filled up."""
    whole = smooth(5, 800, 795)
    filled = np.pad(whole, ((0, 0), (0, 5), (0, 0)), mode="edge")
    shrunk = luma_of(filled.reshape(100, 8, 100, 8, 3).mean(axis=(1, 3)).round().astype(np.uint8))
    assert (perceptual_hash(shrunk, (100, 795 / 8), 1) ^ hash_of(whole)).bit_count() <= 2


def test_a_perceptual_hash_fits_the_record() -> None:
    assert all(-(2**63) <= hash_of(noise(seed)) < 2**63 for seed in range(9))


@pytest.mark.parametrize("shape", [(8, 6), (7, 6), (8, 5), (7, 5)])
def test_halving_repeats_an_odd_last_row_and_column(shape: tuple[int, int]) -> None:
    luma = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    even = np.pad(luma, [(0, side % 2) for side in shape], mode="edge").astype(float)
    averages = even.reshape(4, 2, 3, 2).mean(axis=(1, 3))
    assert np.abs(image_measures.halve(luma) - averages).max() <= 0.5
