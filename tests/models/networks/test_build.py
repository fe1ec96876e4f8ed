"""Networks take what tf.data gives and answer with probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from models.images import ImageOptions
from models.layers import ImageNetPixels
from models.networks.build import NetworkOptions, build_network

TERMS, CLASSES = 7, 5
TINY = {"filters": (4, 4), "image_units": 6, "text_units": 3}


def build(image: ImageOptions | None = None, **options: Any) -> keras.Model:
    keras.utils.set_random_seed(1)
    return build_network(
        NetworkOptions(**{**TINY, **options}), image or ImageOptions(height=16, width=12), TERMS, CLASSES
    )


def batch(height: int = 16, width: int = 12, size: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {
        "image": rng.integers(0, 256, (size, height, width, 3), np.uint8),
        "description": rng.integers(0, 3, (size, TERMS)).astype(np.float32),
    }


def scores(model: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    return keras.ops.convert_to_numpy(model(inputs, training=False))


@pytest.mark.parametrize("options", [{}, {"augment": True}, {"pixels": "imagenet"}, {"dropout": 0}])
def test_answers_are_probabilities(options: dict[str, Any]) -> None:
    found = scores(build(**options), batch())
    assert (found.shape, found.dtype) == ((3, CLASSES), np.float32)
    assert found.min() >= 0
    assert found.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 33), (64, 8)])
def test_any_stored_size_fits_even_if_blocks_halve_it_to_nothing(height: int, width: int) -> None:
    model = build(ImageOptions(height=height, width=width), filters=(2,) * 8)
    assert scores(model, batch(height, width)).shape == (3, CLASSES)


def test_image_and_text_both_reach_the_answer() -> None:
    model, inputs = build(), batch()
    before = scores(model, inputs)
    assert not np.allclose(before, scores(model, inputs | {"image": 255 - inputs["image"]}))
    assert not np.allclose(before, scores(model, inputs | {"description": inputs["description"] + 1}))


def test_augmentation_is_for_training_only() -> None:
    model, inputs = build(augment=True), batch()
    assert np.array_equal(scores(model, inputs), scores(model, inputs))


def test_a_seed_gives_the_same_weights() -> None:
    assert np.array_equal(scores(build(), batch()), scores(build(), batch()))


@pytest.mark.parametrize("options", [{"augment": True}, {"pixels": "imagenet"}])
def test_a_saved_network_answers_the_same(tmp_path: Path, options: dict[str, Any]) -> None:
    model = build(**options)
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert np.allclose(scores(model, batch()), scores(loaded, batch()), atol=1e-6)


def test_imagenet_pixels_are_those_of_keras_applications() -> None:
    images = batch()["image"]
    expected = keras.applications.imagenet_utils.preprocess_input(images.astype(np.float32), mode="caffe")
    assert np.allclose(keras.ops.convert_to_numpy(ImageNetPixels()(images)), expected, atol=1e-5)


@pytest.mark.parametrize("bad", [{"filters": ()}, {"dropout": 1}, {"image_units": 0}, {"pixels": "other"}])
def test_impossible_options_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NetworkOptions(**bad)
