"""The layers of the networks compute their formulas."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from diptych.models.networks.layers import (
    LearnedAverage,
    LearnedDefault,
    ModalityDropout,
    PadEmptyBatch,
    WeightedEmbedding,
)
from tests.models.networks.networks import BAG, TERMS, batch

UNITS = 3


def _dense(ids: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A bag of words as a dense matrix, float32 ``[b, terms]``."""
    found = np.zeros((len(ids), TERMS + 1), np.float32)
    np.add.at(found, (np.arange(len(ids))[:, None], ids), values)
    return found[:, 1:]


def _bag() -> tuple[np.ndarray, np.ndarray]:
    inputs = batch(BAG, 8)
    return inputs["description_ids"], inputs["description_values"]


def test_added_vectors_are_a_dense_layer_on_the_same_counts() -> None:
    ids, values = _bag()
    layer, dense = WeightedEmbedding(TERMS, UNITS), keras.layers.Dense(UNITS, use_bias=False)
    dense.build((None, TERMS))
    dense.kernel.assign(layer.embeddings[1:])
    assert np.allclose(ops.sum(layer(ids, values), axis=1), dense(_dense(ids, values)), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 0.1}, {"clipvalue": 0.1}])
@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD", "RMSprop", "Lion"])
def test_training_moves_vectors_as_it_moves_a_dense_layer(kind: str, options: dict[str, Any]) -> None:
    ids, values = _bag()
    layer, dense = WeightedEmbedding(TERMS, UNITS), keras.Variable(np.zeros((TERMS, UNITS), np.float32))
    dense.assign(layer.embeddings[1:])

    def train(weight: keras.Variable, answer: Any) -> None:
        optimizer = getattr(keras.optimizers, kind)(0.05, **options)
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = ops.sum(ops.square(answer()))
            optimizer.apply(tape.gradient(loss, [weight.value]), [weight])

    train(layer.embeddings, lambda: ops.sum(layer(ids, values), axis=1))
    train(dense, lambda: ops.matmul(_dense(ids, values), dense))
    assert np.allclose(layer.embeddings[1:], dense, atol=1e-4)


def test_a_modality_is_missing_where_everything_is_zero() -> None:
    inputs = batch(BAG, 3)
    inputs["image"][0] = 0
    inputs["description_ids"][2] = 0
    image, text = ModalityDropout(0.5, 0.5)(inputs["image"], inputs["description_ids"])
    assert (list(image), list(text)) == ([False, True, True], [True, True, False])


def test_training_drops_the_shares_it_is_told_and_never_both() -> None:
    size = 4000
    pixels, ids = np.ones((size, 1, 1, 3), np.uint8), np.ones((size, 1), np.int64)
    keras.utils.set_random_seed(0)
    image, text = (np.asarray(given) for given in ModalityDropout(0.3, 0.5)(pixels, ids, training=True))
    assert (1 - image.mean(), 1 - text.mean()) == pytest.approx((0.3, 0.5), abs=0.03)
    assert np.all(image | text)


def test_a_learned_vector_stands_for_what_is_missing() -> None:
    layer = LearnedDefault()
    vectors = np.ones((2, UNITS), np.float32)
    layer.build(vectors.shape, (2,))
    layer.vector.assign([5, 6, 7])
    assert np.array_equal(layer(vectors, np.array([True, False])), [[1, 1, 1], [5, 6, 7]])


def test_a_mixture_starts_as_the_average() -> None:
    assert np.allclose(LearnedAverage()(np.array([[0.2]]), np.array([[0.6]])), 0.4)


@pytest.mark.parametrize(("size", "expected"), [(0, 1), (1, 1), (3, 3)])
def test_only_an_empty_batch_gets_an_example(size: int, expected: int) -> None:
    images = np.ones((size, 2, 2, 3), np.uint8)
    found = np.asarray(PadEmptyBatch()(images))
    assert (found.shape[0], found.dtype) == (expected, np.uint8)
    assert np.all(found[:size] == 1)
