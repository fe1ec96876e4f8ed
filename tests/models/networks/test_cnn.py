"""The compact CNN takes images of any size, makes few multiplications at full resolution, and learns."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from diptych.models.networks.cnn import compact_cnn


def network(filters: tuple[int, ...], height: int, width: int) -> keras.Model:
    keras.utils.set_random_seed(3)
    pixels = keras.Input((height, width, 3))
    return keras.Model(pixels, compact_cnn(filters, pixels))


@pytest.mark.parametrize(
    ("filters", "size", "vector"),
    [
        ((16, 32, 64, 128), (64, 64), 2 * 2 * 128),
        ((4, 8), (64, 48), 8 * 6 * 8),
        ((4,), (9, 17), 3 * 5 * 4),
        ((2,) * 8, (8, 8), 2),
    ],
)
def test_blocks_quarter_and_then_halve_images_of_any_size(
    filters: tuple[int, ...], size: tuple[int, int], vector: int
) -> None:
    model = network(filters, *size)
    assert model.output.shape == (None, vector)
    assert np.isfinite(model(np.ones((2, *size, 3), np.float32), training=False)).all()


def test_no_convolution_has_outputs_at_full_resolution() -> None:
    outputs = [layer.output.shape[1] for layer in network((4, 8, 8), 64, 64).layers if layer.name.startswith("conv2d")]
    assert outputs == [32, 16, 8]


def test_it_learns_where_something_lies() -> None:
    images, labels = np.zeros((64, 32, 32, 3), np.float32), np.arange(64) % 2
    images[labels == 0, 2:12, 2:12] = 1
    images[labels == 1, 20:30, 20:30] = 1
    images += np.random.default_rng(0).normal(0, 0.3, images.shape).astype(np.float32)
    encoder = network((4, 8), 32, 32)
    model = keras.Sequential([encoder, keras.layers.Dense(2, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(images, labels, batch_size=16, epochs=6, verbose=0)
    assert np.mean(np.argmax(model(images, training=False), axis=1) == labels) > 0.95
