"""The layers of the networks compute their formulas."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from diptych.models.networks.layers import (
    ByPresence,
    HasModality,
    LearnedAverage,
    LearnedDefault,
    MissingAsZeros,
    ModalityDropout,
    PadEmptyBatch,
    ScaledSum,
    Standardize,
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


def test_the_logits_are_those_for_what_an_example_has() -> None:
    both, image, text = (np.full((4, 2), value, np.float32) for value in (1, 2, 3))
    has_image, has_text = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert ByPresence()(both, image, text, has_image, has_text)[:, 0].numpy().tolist() == [1, 2, 3, 3]


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 2, 3)])
@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
def test_an_example_has_what_is_not_all_zero(shape: tuple[int, ...], kind: Any) -> None:
    values = np.zeros(shape, kind)
    values[1].flat[-1], values[2] = 1, 2
    assert HasModality()(values).numpy().tolist() == [False, True, True]


def test_a_sum_is_scaled_by_what_was_set_and_not_learned() -> None:
    layer, one, two = ScaledSum(), np.ones((2, 3), np.float32), np.full((2, 3), 10, np.float32)
    assert np.array_equal(layer(one, two), np.full((2, 3), 11))
    layer.set_weights([np.array([2, 0.5])])
    assert np.array_equal(layer(one, two), np.full((2, 3), 7))
    assert layer.trainable_weights == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_counts_for_nothing_cannot_spoil_a_sum(bad: float) -> None:
    layer, one, two = ScaledSum(), np.ones((2, 3), np.float32), np.full((2, 3), bad, np.float32)
    layer.build(one.shape, two.shape)
    layer.set_weights([np.array([1, 0])])
    assert np.array_equal(layer(one, two), one)


def test_features_of_a_missing_image_are_zeros() -> None:
    pixels, vectors = np.zeros((2, 2, 2, 3), np.uint8), np.ones((2, UNITS), np.float32)
    pixels[1, 1, 1, 2] = 1
    assert np.array_equal(MissingAsZeros()(vectors, pixels), [[0] * UNITS, [1] * UNITS])


def test_what_is_missing_is_zero_even_where_its_features_are_not_finite() -> None:
    assert np.array_equal(MissingAsZeros()(np.full((1, 2), np.nan), np.zeros((1, 2, 2, 3), np.uint8)), [[0, 0]])


def test_features_are_scaled_by_what_was_set_and_not_learned() -> None:
    layer, vectors = Standardize(), np.array([[1, 2], [3, 4]], np.float32)
    assert np.array_equal(layer(vectors), vectors)
    layer.set_weights([np.array([1, 2]), np.array([2, 4])])
    assert np.array_equal(layer(vectors), [[0, 0], [1, 0.5]])
    assert layer.trainable_weights == []
