"""Pixels for networks trained on ImageNet are Keras's, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.applications.imagenet_utils import preprocess_input

from diptych.models.images.imagenet import preprocess_imagenet
from diptych.models.networks.layers import ImageNetPreprocessing

MODES = ["caffe", "tf", "torch"]
# Every level of every channel.
LEVELS = np.stack([np.arange(256), np.arange(256)[::-1], np.roll(np.arange(256), 99)], axis=-1).astype(np.uint8)
IMAGES = LEVELS.reshape(4, 8, 8, 3)


def keras_pixels(mode: str) -> Any:
    return preprocess_input(IMAGES.astype(np.float32), data_format="channels_last", mode=mode)


def assert_same_bits(found: Any, wanted: Any) -> None:
    assert np.asarray(found).dtype == np.float32
    assert (np.asarray(found).view(np.uint32) == np.asarray(wanted).view(np.uint32)).all()


@pytest.mark.parametrize("mode", MODES)
def test_the_function_is_bit_equal(mode: Any) -> None:
    assert_same_bits(preprocess_imagenet(IMAGES, mode), keras_pixels(mode))


@pytest.mark.parametrize("mode", MODES)
def test_in_a_dataset_it_is_bit_equal(mode: Any) -> None:
    (found,) = tf.data.Dataset.from_tensors(IMAGES).map(lambda images: preprocess_imagenet(images, mode))
    assert_same_bits(found, keras_pixels(mode))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("xla", [False, True])
def test_in_a_network_it_is_bit_equal_also_after_loading(tmp_path: Path, xla: bool, mode: Any) -> None:
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    model = keras.Model(pixels, ImageNetPreprocessing(mode)(pixels))
    model.save(tmp_path / "model.keras")
    for network in (model, keras.models.load_model(tmp_path / "model.keras")):
        network.compile(jit_compile=xla)
        assert_same_bits(network.predict(IMAGES, verbose=0), keras_pixels(mode))


def test_mixed_precision_loses_no_level() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert_same_bits(ImageNetPreprocessing("caffe")(IMAGES), keras_pixels("caffe"))
    finally:
        keras.config.set_dtype_policy(before)


def test_an_unknown_mode_is_told() -> None:
    with pytest.raises(ValueError, match="no mode 'bgr' of ImageNet's pixels: use caffe, tf or torch"):
        preprocess_imagenet(IMAGES, "bgr")  # type: ignore[arg-type]
