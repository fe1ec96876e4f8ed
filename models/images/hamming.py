"""Finds pairs of perceptual hashes within a Hamming distance, without comparing every hash with every other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BITS = 64
# So many hashes of a bucket are compared with its others at a time, which bounds the memory that a large bucket takes.
_BLOCK_SIZE = 1024

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
    edges = np.linspace(0, _BITS, distance + 2).astype(int)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order], prepend=band[order][:1] ^ np.uint64(1)))
        for bucket in np.split(order, starts[1:]):
            if len(bucket) > 1:
                yield from _compare_bucket(hashes, bucket, distance)


def _compare_bucket(hashes: Hashes, bucket: NDArray[np.intp], distance: int) -> Iterator[IndexPairs]:
    """Compares every two hashes of a bucket, which holds indices into ``hashes``."""
    values = hashes[bucket]
    for start in range(0, len(bucket), _BLOCK_SIZE):
        block = values[start : start + _BLOCK_SIZE]
        left, right = np.nonzero(_count_bits(block[:, None] ^ values[None, start:]) <= distance)
        ascending = left < right
        yield np.stack([bucket[start + left[ascending]], bucket[start + right[ascending]]], axis=1)


def _count_bits(values: Hashes) -> NDArray[Any]:
    """The number of one-bits in each 64-bit value: H. S. Warren, "Hacker's Delight" (2012), figure 5-2."""
    values = values - ((values >> np.uint64(1)) & np.uint64(0x5555555555555555))
    values = (values & np.uint64(0x3333333333333333)) + ((values >> np.uint64(2)) & np.uint64(0x3333333333333333))
    values = (values + (values >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (values * np.uint64(0x0101010101010101)) >> np.uint64(56)
