"""Rows of equal and nearly equal images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from diptych.models.images.hamming import pairs_within_hamming_distance

#: Bits of 64 in which the perceptual hashes of nearly equal images may differ.
NEAR_BITS = 3

Group = NDArray[np.int64]


def exact_groups(digests: NDArray[Any]) -> list[Group]:
    """The numbers of rows whose digests are equal, largest group first; an empty digest equals none."""
    _, numbers = np.unique(digests.astype(str), return_inverse=True)
    return [group for group in _groups(numbers.ravel()) if digests[group[0]]]


def near_groups(hashes: NDArray[np.int64], digests: NDArray[Any]) -> list[Group]:
    """The numbers of rows of unlike images that hashes of ``NEAR_BITS`` unlike bits or fewer join, one row an image."""
    _, first = np.unique(digests.astype(str), return_index=True)
    rows = np.sort(first)
    pairs = pairs_within_hamming_distance(hashes[rows].astype(np.int64), NEAR_BITS)
    graph = coo_matrix((np.ones(len(pairs), bool), pairs.T), (len(rows), len(rows)))
    _, numbers = connected_components(graph, directed=False)
    return [rows[group] for group in _groups(numbers)]


def _groups(numbers: NDArray[Any]) -> list[Group]:
    """The places of equal numbers that occur more than once, most frequent first, in the order of the rows."""
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return sorted((part for part in parts if len(part) > 1), key=lambda part: (-len(part), part[0]))
