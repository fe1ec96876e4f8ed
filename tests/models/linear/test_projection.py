"""Features are projected to principal components, and weights of these back to features."""

from __future__ import annotations

import numpy as np

from diptych.models.linear.projection import fit_projection


def draw(rows: int = 50, size: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(rows, size)) @ rng.normal(size=(size, size)) + 5).astype(np.float32)


def test_unprojected_weights_answer_features_as_the_weights_answer_components() -> None:
    features = draw()
    projection = fit_projection(features, (12,), 0)
    weights = np.random.default_rng(1).normal(size=(projection.matrix.shape[1], 3)).astype(np.float32)
    of_features, biases = projection.unproject(weights)
    assert (of_features.shape, biases.shape) == ((12, 3), (3,))
    np.testing.assert_allclose(features @ of_features + biases, projection.apply(features) @ weights, atol=1e-4)


def test_components_are_centred_and_of_mean_squared_length_one() -> None:
    found = fit_projection(features := draw(), (12,), 0).apply(features)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose((found**2).sum(axis=1).mean(), 1, rtol=1e-3)


def test_blocks_count_alike_however_they_are_scaled() -> None:
    features = draw()
    larger = features.copy()
    larger[:, 4:] *= 1000
    one, other = (fit_projection(given, (4, 8), 0).apply(given) for given in (features, larger))
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-3)
    drowned = fit_projection(larger, (12,), 0).apply(larger)
    assert not np.allclose(one @ one.T, drowned @ drowned.T, atol=1e-2)


def test_all_components_keep_the_distances_of_the_scaled_features() -> None:
    features = draw()
    found = fit_projection(features, (12,), 0).apply(features)
    gram = (features - features.mean(axis=0)) @ (features - features.mean(axis=0)).T
    np.testing.assert_allclose(found @ found.T / (found @ found.T)[0, 0], gram / gram[0, 0], atol=1e-3)


def test_the_seed_decides_the_projection() -> None:
    features = draw(500, 450)
    first, again, other = (fit_projection(features, (450,), seed).matrix for seed in (0, 0, 1))
    assert first.shape == (450, 400)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_features_that_never_vary_say_nothing() -> None:
    features = np.full((10, 3), 7, np.float32)
    found = fit_projection(features, (1, 2), 0).apply(features)
    assert np.array_equal(found, np.zeros_like(found))
    assert np.isfinite(fit_projection(features, (1, 2), 0).matrix).all()


def test_one_row_has_components_of_zero() -> None:
    assert np.array_equal(fit_projection(draw(1), (4, 8), 0).apply(draw(1)), [[0]])


def test_there_are_no_more_components_than_rows() -> None:
    assert fit_projection(draw(4), (12,), 0).matrix.shape == (12, 4)
