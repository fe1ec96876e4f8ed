"""Logistic regression of blocks of features, and the cross-validation that chooses how it is regularised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from diptych.models.linear import logistic
from diptych.models.linear.log_loss import log_loss
from diptych.models.linear.logistic import (
    Examples,
    LinearModel,
    combine,
    fit_logistic,
    make_folds,
    validate_logistic,
)

CLASSES = 3


def draw(rows: int = 90, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Features ``[rows, 4]`` and the classes that they tell of."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 4)).astype(np.float32)
    return features, (features[:, :CLASSES] + noise * rng.normal(size=(rows, CLASSES))).argmax(axis=1)


def examples_of(truth: np.ndarray, classes: int = CLASSES, weights: Any = None) -> Examples:
    return Examples(truth, classes, weights, make_folds(truth, range(len(truth)), 0))


def several(truth: np.ndarray) -> np.ndarray:
    """Class ids as several labels a row."""
    return np.eye(CLASSES, dtype=np.int64)[truth]


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize(("rows", "count"), [(90, 5), (2000, 3)])
def test_folds_keep_groups_together_and_hold_each_row_out_once(multilabel: bool, rows: int, count: int) -> None:
    _, truth = draw(rows)
    groups = np.arange(rows) // 3
    folds = make_folds(several(truth) if multilabel else truth, groups.tolist(), 0)
    assert len(folds) == count
    assert np.array_equal(np.sort(np.concatenate([held for _, held in folds])), np.arange(rows))
    for fitted, held in folds:
        assert len(fitted) + len(held) == rows
        assert not set(groups[fitted]) & set(groups[held])


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_seed_decides_the_folds(multilabel: bool) -> None:
    truth = several(draw()[1]) if multilabel else draw()[1]
    first, again, other = ([held.tolist() for _, held in make_folds(truth, range(90), seed)] for seed in (0, 0, 1))
    assert first == again != other


def test_folds_have_the_shares_of_the_classes() -> None:
    truth = np.repeat([0, 1], [80, 20])
    assert [int(truth[held].sum()) for _, held in make_folds(truth, range(100), 0)] == [4] * 5


def test_rows_of_one_group_are_not_parted() -> None:
    assert make_folds(draw()[1], ["same"] * 90, 0) == []


@pytest.mark.parametrize(("of_each", "wanted"), [(1, 0), (2, 2), (4, 4), (9, 5)])
def test_there_are_no_more_folds_than_the_largest_class_has_rows(of_each: int, wanted: int) -> None:
    """Where no class has as many rows as there would be folds, scikit-learn refuses."""
    classes = np.repeat(np.arange(10), of_each)
    folds = make_folds(classes, range(len(classes)), seed=0)
    assert len(folds) == wanted
    assert sorted(place for _, held in folds for place in held) == (list(range(len(classes))) if wanted else [])


def test_there_are_no_more_folds_than_groups() -> None:
    assert len(make_folds(np.array([0, 1, 0, 1]), ["a", "a", "b", "b"], 0)) == 2


def test_two_classes_are_told_apart_as_by_scikit_learn() -> None:
    features, truth = draw()
    truth = (truth == 0).astype(np.int64)
    model = fit_logistic({"image": features}, examples_of(truth, 2), {"image": 3.0})
    logits = model.logits({"image": features})
    # A softmax of two classes shares the weights of one sigmoid, and so the penalty of each is halved.
    expected = LogisticRegression(C=6.0, tol=1e-8).fit(features, truth).decision_function(features)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, atol=0.05)


def test_each_block_is_regularised_by_its_own_c() -> None:
    features, truth = draw(300)
    blocks = {"image": features[:, :2], "text": csr_matrix(features[:, 2:])}
    model = fit_logistic(blocks, examples_of(truth), {"image": 0.1, "text": 10.0})
    scaled = np.hstack([features[:, :2] * 0.1**0.5, features[:, 2:] * 10**0.5])
    expected = LogisticRegression(tol=1e-8).fit(scaled, truth).predict_log_proba(scaled)
    found = model.logits(blocks)
    np.testing.assert_allclose(found - found[:, :1], expected - expected[:, :1], atol=0.05)


@pytest.mark.parametrize("absent", ["from train", "from a fold"])
def test_a_class_without_rows_is_unlikely_and_its_logits_finite(absent: str) -> None:
    features, truth = draw()
    truth = np.minimum(truth, 1)
    if absent == "from a fold":
        truth[7] = 2
    found = validate_logistic({"image": features}, examples_of(truth), [{"image": 1.0}])
    for logits in (found.held_out, found.model.logits({"image": features})):
        assert np.isfinite(logits).all()
        assert (logits.argmax(axis=1) != 2).all()


@pytest.mark.parametrize("present", [0, 1])
def test_a_label_of_no_row_or_of_all_is_answered_so(present: int) -> None:
    features, truth = draw()
    labels = several(truth)
    labels[:, 1] = present
    found = validate_logistic({"image": features}, examples_of(labels), [{"image": 1.0}])
    for logits in (found.held_out, found.model.logits({"image": features})):
        assert np.isfinite(logits).all()
        assert ((logits[:, 1] > 0) == bool(present)).all()


def test_the_search_ends_at_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    features, truth = draw(noise=2.0)
    examples, blocks = examples_of(truth), {"image": features}
    values = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
    losses = [
        log_loss(logistic._hold_out(blocks, examples, {"image": value}), truth).mean()  # type: ignore[dict-item]
        for value in values
    ]
    best = int(np.argmin(losses))
    assert 0 < best < len(values) - 2
    tried = []
    hold_out = logistic._hold_out
    monkeypatch.setattr(logistic, "_hold_out", lambda *given: tried.append(given[2]["image"]) or hold_out(*given))
    found = validate_logistic(blocks, examples, [{"image": value} for value in values])
    assert found.inverse_regularization == {"image": values[best]}
    assert tried == list(values[: best + 2])
    assert np.array_equal(found.held_out, hold_out(blocks, examples, {"image": values[best]}))


def test_without_folds_the_first_candidate_is_taken() -> None:
    features, truth = draw()
    examples = Examples(truth, CLASSES, None, ())
    found = validate_logistic({"image": features}, examples, [{"image": 2.0}, {"image": 3.0}])
    assert found.inverse_regularization == {"image": 2.0}
    assert np.array_equal(found.held_out, found.model.logits({"image": features}))


def test_no_row_is_scored_by_a_model_that_was_fitted_on_it() -> None:
    """Features are noise of which each row has its own: who has seen a row knows its class, others do not."""
    rng = np.random.default_rng(1)
    features, truth = rng.normal(size=(60, 200)).astype(np.float32), rng.integers(0, 2, 60)
    found = validate_logistic({"image": features}, examples_of(truth, 2), [{"image": 100.0}])
    seen = found.model.logits({"image": features}).argmax(axis=1)
    assert (seen == truth).all()
    assert (found.held_out.argmax(axis=1) == truth).mean() < 0.7


def test_weights_count_as_so_many_rows() -> None:
    features, truth = draw()
    weights = (1 + truth[:, None]).astype(np.float32)
    weighted = fit_logistic({"image": features}, examples_of(truth, weights=weights), {"image": 1.0})
    times = np.repeat(np.arange(90), 1 + truth)
    repeated = fit_logistic({"image": features[times]}, examples_of(truth[times]), {"image": 1.0})
    np.testing.assert_allclose(weighted.weights["image"], repeated.weights["image"], atol=0.02)


def test_selected_rows_keep_their_folds() -> None:
    _, truth = draw()
    weights = np.arange(90, dtype=np.float32)[:, None]
    examples, present = examples_of(truth, weights=weights), np.arange(90) % 2 == 0
    selected = examples.select(present)
    assert np.array_equal(selected.truth, truth[present])
    for (fitted, held), (all_fitted, all_held) in zip(selected.folds, examples.folds, strict=True):
        assert np.array_equal(selected.weights[fitted].ravel(), all_fitted[all_fitted % 2 == 0])
        assert np.array_equal(selected.weights[held].ravel(), all_held[all_held % 2 == 0])


def test_a_fold_without_a_selected_row_is_left_out() -> None:
    examples = examples_of(draw()[1])
    present = np.ones(90, bool)
    present[examples.folds[0][1]] = False
    assert len(examples.select(present).folds) == len(examples.folds) - 1


def test_combined_models_answer_with_the_scaled_sum() -> None:
    rng = np.random.default_rng(0)
    image, text = (rng.normal(size=(6, size)).astype(np.float32) for size in (4, 2))

    def model(**sizes: int) -> LinearModel:
        weights: Any = {name: rng.normal(size=(size, CLASSES)).astype(np.float32) for name, size in sizes.items()}
        return LinearModel(weights, rng.normal(size=CLASSES).astype(np.float32))

    models, blocks = [model(image=4), model(text=2), model(image=4, text=2)], {"image": image, "text": text}
    biases = np.array([1, 2, 3], np.float32)
    found = combine(models, [0.5, 2, 0], biases).logits(blocks)
    expected = 0.5 * models[0].logits(blocks) + 2 * models[1].logits(blocks) + biases
    np.testing.assert_allclose(found, expected, atol=1e-5)
