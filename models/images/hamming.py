"""Finds pairs of perceptual hashes within a Hamming distance, without comparing every hash with every other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BITS = 64
# So many hashes of a bucket are compared with as many others at a time, however large the bucket is.
_BLOCK_SIZE = 2048

Hashes = NDArray[np.uint64]
IndexPairs = NDArray[np.intp]


def pairs_within_hamming_distance(hashes: NDArray[np.int64], distance: int) -> IndexPairs:
    """Pairs of hashes that differ in few bits.

    Equal hashes are each paired with the first of them, and only that one is paired with other hashes. So the pairs do
    not name every two hashes within the distance, but they connect them, directly or through equal ones.

    Two 64-bit hashes that differ in d bits are equal in at least one of d + 1 bands of bits (pigeonhole principle), so
    only hashes that share a band are compared: G. S. Manku, A. Jain, A. Das Sarma, "Detecting Near-Duplicates for Web
    Crawling" (2007).

    Args:
        hashes: int64 ``[n]``.
        distance: the greatest number of differing bits, 0 to 63.

    Returns:
        Indices into ``hashes``, ``[k, 2]``, sorted; the smaller index of a pair comes first, and no pair is repeated.
    """
    distinct, first, inverse = np.unique(hashes.view(np.uint64), return_index=True, return_inverse=True)
    indices = np.arange(len(hashes))
    first_equal = first[inverse.reshape(-1)]
    equal = np.stack([first_equal, indices], axis=1)[first_equal != indices]
    found = [equal, *(first[pairs] for pairs in _pairs_of_distinct(distinct, distance))] if distance else [equal]
    pairs: IndexPairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    return pairs


def _pairs_of_distinct(hashes: Hashes, distance: int) -> Iterator[IndexPairs]:
    """Pairs of hashes that share a band of bits and lie within the distance; a pair may come more than once."""
    for values in hash_bands(hashes, distance):
        yield from pairs_in_bands(hashes, values, distance)


def hash_bands(hashes: Hashes, distance: int) -> Iterator[Hashes]:
    """The values of the ``distance`` + 1 bands of bits, of which hashes within the distance have one in common."""
    edges = np.linspace(0, _BITS, distance + 2).astype(int)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        yield (hashes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)


def pairs_in_bands(hashes: Hashes, values: Hashes, distance: int) -> Iterator[IndexPairs]:
    """Pairs of hashes with the same value of a band that lie within the distance.

    Args:
        hashes: uint64 ``[n]``, all different.
        values: uint64 ``[n]``, of the band.

    Yields:
        Indices into ``hashes``, ``[k, 2]``, the smaller one first.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))
    stops = np.append(starts[1:], len(ordered))
    shared = stops - starts > 1
    for start, stop in zip(starts[shared].tolist(), stops[shared].tolist(), strict=True):
        yield from _compare_bucket(hashes, order[start:stop], distance)


def _compare_bucket(hashes: Hashes, bucket: NDArray[np.intp], distance: int) -> Iterator[IndexPairs]:
    """Compares every two hashes of a bucket, which holds indices into ``hashes`` in ascending order."""
    values = hashes[bucket]
    for top in range(0, len(bucket), _BLOCK_SIZE):
        rows = values[top : top + _BLOCK_SIZE, None]
        for start in range(top, len(bucket), _BLOCK_SIZE):
            near = _count_bits(rows ^ values[None, start : start + _BLOCK_SIZE]) <= distance
            left, right = np.nonzero(np.triu(near, 1) if start == top else near)
            if len(left):
                yield np.stack([bucket[top + left], bucket[start + right]], axis=1)


def _count_bits(values: Hashes) -> NDArray[Any]:
    """The number of one-bits in each 64-bit value: H. S. Warren, "Hacker's Delight" (2012), figure 5-2."""
    values = values - ((values >> np.uint64(1)) & np.uint64(0x5555555555555555))
    values = (values & np.uint64(0x3333333333333333)) + ((values >> np.uint64(2)) & np.uint64(0x3333333333333333))
    values = (values + (values >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (values * np.uint64(0x0101010101010101)) >> np.uint64(56)
