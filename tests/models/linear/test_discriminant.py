"""Discriminant analysis is what its formula says, and tells a thousand classes apart by dense and sparse features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from diptych.models.linear.discriminant import _fit_block, _Rows, fit_discriminant

ROWS, FEATURES, CLASSES = 400, 6, 4


def draw(rows: int, classes: int, features: int, seed: int = 0) -> tuple[Any, Any]:
    """Features float32 around the mean of each row's class, and the classes."""
    random = np.random.default_rng(seed)
    means = np.random.default_rng(99).normal(size=(classes, features))
    own = np.arange(rows) % classes
    return (means[own] + 0.5 * random.normal(size=(rows, features))).astype(np.float32), own


def indicate(own: Any, classes: int) -> Any:
    return np.eye(classes, dtype=bool)[own]


def logits(blocks: list[Any], fitted: tuple[list[Any], Any]) -> Any:
    return fitted[1] + sum(block @ weights for block, weights in zip(blocks, fitted[0], strict=True))


def test_of_dense_features_it_is_that_of_scikit_learn() -> None:
    features, own = draw(ROWS, CLASSES, FEATURES)
    # Classes of different sizes have different priors.
    features, own = features[own < 3 + (np.arange(ROWS) % 3)], own[own < 3 + (np.arange(ROWS) % 3)]
    ours = logits([features], fit_discriminant([features], indicate(own, CLASSES), None))
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.7).fit(features.astype(float), own)
    # scikit-learn standardises features before it shrinks, class by class, so only the ranking is alike.
    agree = ours.argmax(axis=1) == theirs.predict(features.astype(float))
    assert agree.mean() > 0.97
    assert (ours.argmax(axis=1) == own).mean() > 0.9


def shrunk_means(features: Any, own: Any, towards: Any) -> Any:
    """The means of classes, each with one row more."""
    return np.stack([np.vstack([features[own == number], towards]).mean(axis=0) for number in range(CLASSES)])


def assert_scaled(fitted: tuple[list[Any], Any], means: Any, divided: Any) -> None:
    """Weights and intercepts are those of the formula, times one scale."""
    (weights,), intercept = fitted
    scale = np.linalg.norm(weights) / np.linalg.norm(divided)
    assert weights == pytest.approx(scale * divided, rel=1e-3, abs=1e-3 * scale)
    # The priors are equal, and move all logits alike.
    of_means = -(means * divided.T).sum(axis=1) / 2
    assert np.diff(intercept) == pytest.approx(scale * np.diff(of_means), rel=1e-2, abs=1e-2 * scale)


def test_dense_weights_are_those_of_the_formula_to_a_scale() -> None:
    features, own = draw(40, CLASSES, FEATURES)
    means = shrunk_means(features, own, features.mean(axis=0))
    within = (features - means[own]).T @ (features - means[own]) / len(own)
    shrunk = 0.3 * within + 0.7 * np.trace(within) / FEATURES * np.eye(FEATURES)
    fitted = fit_discriminant([features], indicate(own, CLASSES), None)
    assert_scaled(fitted, means, np.linalg.solve(shrunk, means.T))


def test_sparse_features_have_variances_of_their_own() -> None:
    features, own = draw(40, CLASSES, FEATURES)
    features *= features > 0.3
    means = shrunk_means(features, own, np.zeros(FEATURES))
    variance = ((features - means[own]) ** 2).mean(axis=0)
    fitted = fit_discriminant([csr_matrix(features)], indicate(own, CLASSES), None)
    assert_scaled(fitted, means, (means / (variance + 10 * variance.mean())).T)


def test_a_block_of_noise_counts_for_nothing() -> None:
    features, own = draw(ROWS, CLASSES, FEATURES)
    noise = np.random.default_rng(5).normal(size=(ROWS, 50)).astype(np.float32)
    (of_features, of_noise), _ = fit_discriminant([features, noise], indicate(own, CLASSES), None)
    assert np.abs(noise @ of_noise).mean() < 0.1 * np.abs(features @ of_features).mean()


def test_scores_are_probabilities() -> None:
    """Of rows that were not fitted, as many are right as the scores say."""
    features, own = draw(2000, CLASSES, FEATURES)
    unseen, of_unseen = draw(2000, CLASSES, FEATURES, seed=1)
    features, unseen = features + 2 * np.float32(features[::-1]), unseen + 2 * np.float32(unseen[::-1])
    scores = softmax(logits([unseen], fit_discriminant([features], indicate(own, CLASSES), None)), axis=1)
    assert scores.max(axis=1).mean() == pytest.approx((scores.argmax(axis=1) == of_unseen).mean(), abs=0.04)


def test_a_row_of_weight_two_is_two_rows() -> None:
    features, own = draw(ROWS, CLASSES, FEATURES)
    heavy = np.where(np.arange(ROWS) % 5 == 0, 2, 1)
    places = np.repeat(np.arange(ROWS), heavy)
    for block in (features, csr_matrix(features * (features > 0.3))):
        weighted = _fit_block(block, _Rows([block], own, heavy.astype(np.float32), CLASSES))
        repeated = _fit_block(
            block[places], _Rows([block[places]], own[places], np.ones(len(places), np.float32), CLASSES)
        )
        for one, other in zip(weighted, repeated, strict=True):
            assert one == pytest.approx(other, rel=1e-3, abs=1e-3)


def test_classes_that_weigh_more_have_a_greater_prior() -> None:
    features, own = draw(ROWS, CLASSES, FEATURES)
    weights = np.where(own == 0, 3, 1).astype(np.float32)
    assert np.exp(_Rows([features], own, weights, CLASSES).log_prior()) == pytest.approx([1 / 2, *[1 / 6] * 3])


def test_a_thousand_classes_of_three_rows_each_are_told_apart() -> None:
    def words(own: Any, seed: int) -> Any:
        """Three words of chance, and a word of the class in every second row."""
        random = np.random.default_rng(seed)
        of_chance = random.integers(0, 1500, (len(own), 3))
        of_class = np.where(random.random(len(own)) < 0.5, own, of_chance[:, 0])
        columns = np.column_stack([of_chance, of_class]).ravel()
        found = csr_matrix((np.ones(4 * len(own), np.float32), (np.repeat(np.arange(len(own)), 4), columns)))
        return csr_matrix((found.data, found.indices, found.indptr), (len(own), 1500))

    features, own = draw(3000, 1000, 12)
    unseen, of_unseen = draw(1000, 1000, 12, seed=1)
    truth, of_words, of_unseen_words = indicate(own, 1000), words(own, 2), words(of_unseen, 3)

    def accuracy(blocks: list[Any], of_unseen_rows: list[Any]) -> float:
        found = logits(of_unseen_rows, fit_discriminant(blocks, truth, None)).argmax(axis=1)
        return float((found == of_unseen).mean())

    by_picture, by_words = accuracy([features], [unseen]), accuracy([of_words], [of_unseen_words])
    assert by_picture > 0.5 and by_words > 0.05
    assert accuracy([features, of_words], [unseen, of_unseen_words]) > by_picture + 0.02


def test_what_never_varies_within_a_class_decides_without_overflow() -> None:
    own = np.arange(30) % 10
    certain = np.eye(10, dtype=np.float32)[own]
    for block in (certain, csr_matrix(certain)):
        scores = logits([block], fit_discriminant([block], indicate(own, 10), None))
        assert np.isfinite(scores).all() and np.abs(scores).max() < 1e6
        assert (scores.argmax(axis=1) == own).all()


def test_a_class_of_no_row_and_features_of_one_value_are_no_trouble() -> None:
    features, own = draw(ROWS, CLASSES, FEATURES)
    features[:, 2] = 1
    constant = csr_matrix(np.ones((ROWS, 2), np.float32))
    fitted = fit_discriminant([features, constant], indicate(own, CLASSES + 1), None)
    scores = logits([features, constant], fitted)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) == own).mean() > 0.9
