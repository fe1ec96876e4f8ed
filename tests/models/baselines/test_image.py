"""Stored images as vectors, and as features of a linear model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from diptych.models import features
from diptych.models.baselines.classifier import fit_classifier
from diptych.models.baselines.image import ALONE, fit_image_features, read_image_features
from diptych.models.images.options import ImageOptions
from tests.helpers import SMALL, noise, record_values, write_records


def records(folder: Path, images: list[np.ndarray]) -> list[str]:
    rows = [record_values(n, **{features.IMAGE: image.tobytes()}) for n, image in enumerate(images)]
    return [str(write_records(folder / "data.tfrecord", rows))]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 40), (64, 64)])
def test_images_of_any_size_are_vectors_of_one_length(tmp_path: Path, height: int, width: int) -> None:
    files = records(tmp_path, [noise(n, height, width) for n in range(5)])
    vectors = read_image_features(files, ImageOptions(height=height, width=width))
    # 9 gradients of 8 x 8 and of 4 x 4 cells, 64 colours of the image and of its quarters, 8 x 8 pixels.
    assert (vectors.shape, vectors.dtype) == ((5, 9 * (8 * 8 + 4 * 4) + 64 * (1 + 4) + 8 * 8 * 3), np.float32)
    assert np.all(np.isfinite(vectors))
    assert len(np.unique(vectors, axis=0)) == 5


def test_the_last_values_are_the_pixels_around_0(tmp_path: Path) -> None:
    flat = np.full((SMALL.height, SMALL.width, 3), (255, 51, 0), np.uint8)
    (vector,) = read_image_features(records(tmp_path, [flat]), SMALL)
    assert vector[-192:].reshape(64, 3) == pytest.approx(np.tile([0.5, -0.3, -0.5], (64, 1)))


def test_a_stride_reads_every_second_row(tmp_path: Path) -> None:
    files = records(tmp_path, [noise(n, SMALL.height, SMALL.width) for n in range(5)])
    assert np.allclose(read_image_features(files, SMALL, 2), read_image_features(files, SMALL)[::2], atol=1e-5)


def test_shapes_of_one_colour_are_told_apart(tmp_path: Path) -> None:
    """Stripes across and stripes down, of random phase and contrast: only gradients tell them apart."""
    rng = np.random.default_rng(0)
    stripes = np.tile(np.repeat([0, 1], 4), 4)
    images, labels = [], []
    for number in range(60):
        one = np.roll(stripes, rng.integers(8)) * rng.integers(60, 200) + rng.integers(0, 50)
        image = np.tile(one[:, None, None], (1, 32, 3)).astype(np.uint8)
        across = number % 2 == 0
        images.append(image if across else image.transpose(1, 0, 2))
        labels.append(("across",) if across else ("down",))
    vectors = read_image_features(records(tmp_path, images), ImageOptions(height=32, width=32))
    block = fit_image_features(vectors[:40], ALONE).transform(vectors)
    classifier = fit_classifier([block[:40]], labels[:40], "multiclass")
    assert classifier.predict(classifier.predict_scores([block[40:]])) == labels[40:]


@pytest.mark.parametrize("inverse_regularization", [1.0, 4.0])
def test_features_are_standardised_and_their_mean_length_is_the_root_of_c(inverse_regularization: float) -> None:
    vectors = (np.random.default_rng(0).random((50, 7)) * np.arange(7) + 3).astype(np.float32)
    block = fit_image_features(vectors, inverse_regularization).transform(vectors)
    assert block.dtype == np.float32
    assert block.mean(axis=0) == pytest.approx(np.zeros(7), abs=1e-5)
    # The first value is the same in every row.
    assert block.std(axis=0) == pytest.approx([0, *[(inverse_regularization / 7) ** 0.5] * 6], abs=1e-4)
