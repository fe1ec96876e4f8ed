"""Histograms of gradients and colours agree with OpenCV's HOG descriptor and with NumPy's counts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from diptych.models.networks.histograms import colour_shares, gradient_cells, normalise

SIDE = 64


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Crops of photographs, float32 ``[n, 64, 64, 3]``."""
    places = [(top, left) for top in range(0, 320, 64) for left in range(0, 576, 64)]
    photographs = load_sample_images().images
    crops = [image[top : top + SIDE, left : left + SIDE] for image in photographs for top, left in places]
    return np.stack(crops).astype(np.float32)


def test_images_are_as_near_to_each_other_as_by_opencv(images: np.ndarray) -> None:
    descriptor = cv2.HOGDescriptor((SIDE, SIDE), (16, 16), (8, 8), (8, 8), 9)
    theirs = np.stack([descriptor.compute(image.astype(np.uint8)).ravel() for image in images])
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    cells = gradient_cells(images).numpy()
    four = [cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:]]
    blocks = normalise(np.minimum(normalise(np.concatenate(four, axis=-1)), 0.2)).numpy()
    ours = normalise(blocks.reshape(len(images), -1)).numpy()
    assert theirs.shape == ours.shape
    # OpenCV also weighs the pixels of a block by their distance from its middle.
    assert np.corrcoef((ours @ ours.T).ravel(), (theirs @ theirs.T).ravel())[0, 1] > 0.95


def test_colours_are_counted(images: np.ndarray) -> None:
    levels = images[0].reshape(-1, 3).astype(int) // 64
    counted = np.bincount(levels @ [16, 4, 1], minlength=64) / SIDE**2
    assert np.allclose(colour_shares(images)[0], counted, atol=1e-6)


def test_a_vertical_edge_lies_in_the_first_and_last_direction() -> None:
    image = np.zeros((1, 16, 16, 3), np.float32)
    image[:, :, 8:] = 255
    cells = gradient_cells(image).numpy()[0].reshape(4, 9)
    assert np.allclose(cells[:, 1:-1], 0)
    assert (cells[:, [0, -1]] > 0).all()


def test_an_image_of_one_colour_has_no_edge_and_zeros_stay_zeros() -> None:
    cells = gradient_cells(np.full((2, 24, 16, 3), 200, np.float32)).numpy()
    assert cells.shape == (2, 3, 2, 9)
    assert np.allclose(cells, 0)
    assert np.allclose(normalise(cells), 0)
