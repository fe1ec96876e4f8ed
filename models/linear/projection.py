"""The features of images, projected to fewer, on which a linear model is fitted in seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Of more, the last components hold noise, and fitting takes longer.
_MAX_COMPONENTS = 400
# What is divided by is at least this.
_EPSILON = 1e-6


@dataclass(frozen=True)
class Projection:
    """A linear map of features ``[n, d]`` to components ``[n, k]``: ``(features - mean) @ matrix``.

    Attributes:
        mean: float32 ``[d]``.
        matrix: float32 ``[d, k]``.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The components of features: ``[n, d]`` to ``[n, k]``."""
        return np.asarray((features - self.mean) @ self.matrix, np.float32)

    def unproject(self, weights: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights of components ``[k, classes]`` as those of features ``[d, classes]``, and biases ``[classes]``."""
        of_features = self.matrix @ weights
        return of_features, -self.mean @ of_features


def fit_projection(features: NDArray[np.float32], blocks: tuple[int, ...], seed: int) -> Projection:
    """Projects features to principal components, whose mean squared length is 1.

    Args:
        features: float32 ``[n, d]``.
        blocks: the sizes of groups of features that follow each other. Each is scaled to the same mean squared length,
            so that none drowns another.
        seed: of the randomised decomposition (Halko et al., "Finding structure with randomness", 2011).
    """
    from sklearn.utils.extmath import randomized_svd

    mean = features.mean(axis=0)
    starts = np.cumsum([0, *blocks[:-1]])
    spreads = np.sqrt(np.add.reduceat(features.var(axis=0), starts))
    scale = np.repeat(1 / np.maximum(spreads, _EPSILON), blocks)
    components = min(_MAX_COMPONENTS, *features.shape)
    scaled = features - mean
    scaled *= scale
    _, lengths, directions = randomized_svd(scaled, components, random_state=seed)
    length = np.sqrt(max(float((lengths**2).sum()) / len(features), _EPSILON))
    return Projection(mean, (scale[:, None] * directions.T / length).astype(np.float32))
