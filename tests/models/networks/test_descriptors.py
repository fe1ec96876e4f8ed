"""Descriptors of images have the parts that they say, and are the same in TensorFlow Lite and ONNX."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_sample_images

from diptych.models.networks.descriptors import ImageDescriptors

GRADIENTS, SMALL_GRADIENTS, COLOURS, QUARTERS = 576, 720, 784, 1040
SHAPES = [(64, 64), (8, 8), (48, 100), (224, 160)]


def photographs(height: int, width: int) -> Any:
    """Crops of photographs, uint8 ``[6, height, width, 3]``."""
    places = [(top, left) for top in (0, 150) for left in (20, 200, 400)]
    image = load_sample_images().images[0]
    return np.stack([image[top : top + height, left : left + width] for top, left in places])


def describe(images: Any) -> Any:
    return np.asarray(ImageDescriptors()(images))


def assert_describes(found: Any, images: Any) -> None:
    """The same but for rounding, which chooses where two channels are as steep, or a colour lies between two levels."""
    assert np.mean(np.isclose(found, describe(images), atol=1e-4)) > 0.95


@pytest.mark.parametrize("shape", SHAPES)
def test_every_size_has_as_many_descriptors_of_the_same_lengths(shape: tuple[int, int]) -> None:
    images = photographs(*shape)
    found = describe(images)
    assert found.dtype == np.float32
    assert found.shape == ImageDescriptors().compute_output_spec(images).shape
    parts = np.split(found, [GRADIENTS, SMALL_GRADIENTS, COLOURS, QUARTERS], axis=1)[:4]
    lengths = [np.linalg.norm(part, axis=1) for part in parts]
    assert np.allclose(lengths, np.array([6, 4, 2, 3])[:, None], atol=1e-2)


@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_are_the_resized_image(shape: tuple[int, int]) -> None:
    images = photographs(*shape)
    # In these steps, because what is antialiased twice is slightly softer.
    resized: Any = images
    for side in (64, 32, 8):
        resized = tf.image.resize(resized, [side, side], antialias=True)
    assert np.allclose(describe(images)[:, QUARTERS:], np.reshape(resized, [6, -1]) / 255 - 0.5, atol=1e-4)


def test_colours_are_counted_in_the_image_and_in_each_quarter() -> None:
    image = np.full((1, 64, 64, 3), 255, np.uint8)
    image[:, :32, :32] = (255, 0, 0)
    found = describe(image)
    colours, quarters = found[0, SMALL_GRADIENTS:COLOURS], found[0, COLOURS:QUARTERS].reshape(4, 64)
    white, red = 63, 48
    assert np.allclose(colours[[red, white]], 2 * np.sqrt([1 / 4, 3 / 4]))
    assert np.allclose(quarters[:, red], [1.5, 0, 0, 0])
    assert np.allclose(quarters[:, white], [0, 1.5, 1.5, 1.5])


def test_edges_are_found_where_they_are_and_in_their_direction() -> None:
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[:, :, 28:] = 255
    cells = describe(image)[0, :GRADIENTS].reshape(8, 8, 9)
    assert (cells[:, 3, [0, -1]] > 0).all()
    assert np.allclose(cells[:, :, 1:-1], 0)
    assert np.allclose(cells[:, 5:], 0)


def test_contrast_does_not_count() -> None:
    images = photographs(64, 64).astype(np.float32)
    assert np.allclose(describe(images)[:, :SMALL_GRADIENTS], describe(images / 2)[:, :SMALL_GRADIENTS], atol=0.02)


def test_an_image_of_one_colour_has_no_edges_and_no_nan() -> None:
    found = describe(np.full((2, 24, 16, 3), 200, np.uint8))
    assert np.allclose(found[:, :SMALL_GRADIENTS], 0, atol=1e-3)
    assert np.isfinite(found).all()


def test_no_image_has_no_descriptors() -> None:
    assert describe(np.zeros((0, 32, 32, 3), np.uint8)).shape == (0, 1232)


@pytest.fixture(scope="module")
def function() -> Any:
    pixels = keras.Input((48, 100, 3), dtype="uint8", name="image")
    model = keras.Model(pixels, ImageDescriptors()(pixels))
    return tf.function(lambda image: model(image), [tf.TensorSpec((None, 48, 100, 3), tf.uint8, "image")])


def test_tflite_computes_the_same(function: Any) -> None:
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    images = photographs(48, 100)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, images)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert_describes(found, images)


def test_onnx_computes_the_same(function: Any) -> None:
    tf2onnx = pytest.importorskip("tf2onnx", reason="the package tf2onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    converted, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=18)
    session = runtime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    images = photographs(48, 100)
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    assert_describes(found, images)
