"""Histograms of gradients and colours agree with OpenCV's HOG descriptor and with NumPy's counts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from diptych.models.networks.histograms import HOGColourHistograms

SIDE = 64
GRADIENTS = 7 * 7 * 36


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Crops of photographs, uint8 ``[n, 64, 64, 3]``."""
    places = [(top, left) for top in range(0, 320, 64) for left in range(0, 576, 64)]
    photographs = load_sample_images().images
    return np.stack([image[top : top + SIDE, left : left + SIDE] for image in photographs for top, left in places])


@pytest.fixture(scope="module")
def features(images: np.ndarray) -> np.ndarray:
    return HOGColourHistograms()(images).numpy()


def test_images_are_as_near_to_each_other_as_by_opencv(images: np.ndarray, features: np.ndarray) -> None:
    descriptor = cv2.HOGDescriptor((SIDE, SIDE), (16, 16), (8, 8), (8, 8), 9)
    theirs = np.stack([descriptor.compute(image).ravel() for image in images])
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    ours = features[:, :GRADIENTS] / 6
    assert theirs.shape == ours.shape
    # OpenCV also weighs the pixels of a block by their distance from its middle.
    assert np.corrcoef((ours @ ours.T).ravel(), (theirs @ theirs.T).ravel())[0, 1] > 0.95


def test_colours_are_square_roots_of_shares(images: np.ndarray, features: np.ndarray) -> None:
    levels = images[0].reshape(-1, 3).astype(int) // 64
    counted = np.bincount(levels @ [16, 4, 1], minlength=64) / SIDE**2
    assert np.allclose(features[0, GRADIENTS:], 2 * np.sqrt(counted), atol=1e-5)


def test_both_parts_have_the_same_length_for_every_image(features: np.ndarray) -> None:
    assert np.allclose(np.linalg.norm(features[:, :GRADIENTS], axis=1), 6, atol=1e-3)
    assert np.allclose(np.linalg.norm(features[:, GRADIENTS:], axis=1), 2, atol=1e-3)


def test_a_vertical_edge_lies_in_the_first_and_last_direction() -> None:
    image = np.zeros((1, 16, 16, 3), np.uint8)
    image[:, :, 8:] = 255
    cells = HOGColourHistograms()(image).numpy()[0, :36].reshape(4, 9)
    assert np.allclose(cells[:, 1:-1], 0)
    assert (cells[:, [0, -1]] > 0).all()


def test_an_image_of_one_colour_has_no_edge_and_no_nan() -> None:
    found = HOGColourHistograms()(np.full((2, 24, 16, 3), 200, np.uint8)).numpy()
    assert found.shape == HOGColourHistograms().compute_output_spec(np.zeros((2, 24, 16, 3), np.uint8)).shape
    assert np.allclose(found[:, :-64], 0)
    assert np.isfinite(found).all()
