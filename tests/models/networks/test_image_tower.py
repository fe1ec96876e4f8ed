"""Backbones of keras.applications: their weights, and the errors where these cannot be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

from diptych.models.inputs import NetworkInputs
from diptych.models.networks.image_tower import set_backbone_trainable
from tests.models.networks.networks import TERMS, batch, build, scores

INPUTS = NetworkInputs((32, 32), TERMS)


def application(name: str = "MobileNet") -> keras.Model:
    keras.utils.set_random_seed(7)
    return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")


def network(weights: str | None, name: str = "MobileNet") -> keras.Model:
    return build(INPUTS, image={"backbone": name, "weights": weights, "units": 6}, text=None)


@pytest.fixture(scope="module")
def source() -> keras.Model:
    return application()


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


def test_the_compact_cnn_cannot_be_frozen() -> None:
    with pytest.raises(ValueError, match="backbone"):
        set_backbone_trainable(build(), False)
