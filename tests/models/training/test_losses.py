"""Losses equal their formulas, and Keras's losses where it has the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

CLASSES = 5

probabilities = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).dirichlet(np.ones(CLASSES), 6).astype("float32")
)
truths = st.lists(st.integers(0, CLASSES - 1), min_size=6, max_size=6).map(np.array)
quick = settings(max_examples=20, deadline=None)


def multiclass(scores: np.ndarray, truth: np.ndarray, **options: float) -> np.ndarray:
    from diptych.models.training.losses import MulticlassLoss

    return np.asarray(MulticlassLoss(**options).call(truth, scores))


def multilabel(scores: np.ndarray, truth: np.ndarray, **options: float) -> np.ndarray:
    from diptych.models.training.losses import MultilabelLoss

    return np.asarray(MultilabelLoss(**options).call(truth.astype("float32"), scores))


@quick
@given(probabilities, truths)
def test_plain_multiclass_loss_is_sparse_categorical_crossentropy(scores: np.ndarray, truth: np.ndarray) -> None:
    import keras

    expected = keras.losses.sparse_categorical_crossentropy(truth, scores)
    assert multiclass(scores, truth) == pytest.approx(np.asarray(expected), abs=1e-4)


@quick
@given(probabilities, truths, st.floats(0, 0.9))
def test_smoothing_is_that_of_keras(scores: np.ndarray, truth: np.ndarray, smoothing: float) -> None:
    import keras

    hot = np.eye(CLASSES, dtype="float32")[truth]
    categorical = keras.losses.categorical_crossentropy(hot, scores, label_smoothing=smoothing)
    assert multiclass(scores, truth, smoothing=smoothing) == pytest.approx(np.asarray(categorical), abs=1e-4)
    binary = keras.losses.binary_crossentropy(hot, scores, label_smoothing=smoothing)
    by_label = multilabel(scores, hot, smoothing=smoothing)
    assert by_label.mean(axis=1) == pytest.approx(np.asarray(binary), abs=1e-4)


@quick
@given(probabilities, truths, st.floats(0, 5))
def test_focal_loss_is_that_of_lin(scores: np.ndarray, truth: np.ndarray, gamma: float) -> None:
    p = np.clip(scores[np.arange(len(truth)), truth].astype("float64"), 1e-7, 1)
    assert multiclass(scores, truth, gamma=gamma) == pytest.approx(-((1 - p) ** gamma) * np.log(p), abs=1e-4)


@quick
@given(probabilities, truths, st.floats(0, 5))
def test_focal_loss_by_label_is_that_of_keras(scores: np.ndarray, truth: np.ndarray, gamma: float) -> None:
    import keras

    hot = np.eye(CLASSES, dtype="float32")[truth]
    expected = keras.losses.BinaryFocalCrossentropy(gamma=gamma, reduction=None)(hot, scores)
    assert multilabel(scores, hot, gamma=gamma).mean(axis=1) == pytest.approx(np.asarray(expected), abs=1e-4)


def test_mixed_labels_lose_what_their_parts_lose() -> None:
    scores = np.array([[0.2, 0.5, 0.3]], "float32")
    apart = [float(multiclass(scores, np.array([label]))[0]) for label in (0, 2)]
    mixed = multiclass(scores, np.array([[0.25, 0, 0.75]], "float32"))
    assert float(mixed[0]) == pytest.approx(0.25 * apart[0] + 0.75 * apart[1], abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_certain_answers_have_finite_losses_and_gradients(gamma: float) -> None:
    import tensorflow as tf

    from diptych.models.training.losses import MulticlassLoss, MultilabelLoss

    scores = tf.Variable([[0.0, 1.0], [1.0, 0.0]])
    for loss, truth in ((MulticlassLoss(gamma), [1, 1]), (MultilabelLoss(gamma), [[0.0, 1.0], [0.0, 1.0]])):
        with tf.GradientTape() as tape:
            value = loss(tf.constant(truth), scores)
        assert np.isfinite(value.numpy())
        assert np.isfinite(tape.gradient(value, scores).numpy()).all()


def test_the_options_choose_the_loss() -> None:
    from diptych.models.training.losses import build_loss
    from diptych.models.training.options import TrainOptions

    scores = np.array([[0.7, 0.3]], "float32")
    options: list[dict[str, Any]] = [{}, {"loss": "focal", "focal_gamma": 1}, {"label_smoothing": 0.2}]
    found = [float(build_loss(TrainOptions(**given), "multiclass")(np.array([0]), scores)) for given in options]
    p, q = -np.log(0.7), -np.log(0.3)
    assert found == pytest.approx([p, 0.3 * p, 0.9 * p + 0.1 * q], abs=1e-5)
