"""Pairs of perceptual hashes that differ in few bits, found without comparing all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BITS = 64
# Rows of one comparison: bounds the memory of a bucket that many hashes share.
_BLOCK = 1024

Hashes = NDArray[np.uint64]
Pairs = NDArray[np.intp]


def pairs_within_hamming_distance(hashes: NDArray[np.int64], distance: int) -> Pairs:
    """Pairs of places, ``[k, 2]`` with the smaller first, that join all hashes at most ``distance`` bits apart.

    Equal hashes are joined to the first of their kind, which alone is compared with others: the pairs connect what is
    near, directly or through equal ones.

    Of two 64-bit hashes that differ in d bits, at least one of d + 1 bands is equal (pigeonhole), so only hashes that
    share a band are compared: G. S. Manku, A. Jain, A. Das Sarma, "Detecting Near-Duplicates for Web Crawling" (2007).

    Args:
        hashes: int64 ``[n]``.
        distance: differing bits, 0 to 63.
    """
    distinct, first, inverse = np.unique(hashes.view(np.uint64), return_index=True, return_inverse=True)
    places = np.arange(len(hashes))
    owners = first[inverse.reshape(-1)]
    equal = np.stack([owners, places], axis=1)[owners != places]
    found = [equal, *(first[pairs] for pairs in _near_distinct(distinct, distance))] if distance else [equal]
    pairs: Pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    return pairs


def _near_distinct(hashes: Hashes, distance: int) -> Iterator[Pairs]:
    edges = np.linspace(0, _BITS, distance + 2).astype(int)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order], prepend=band[order][:1] ^ np.uint64(1)))
        for bucket in np.split(order, starts[1:]):
            if len(bucket) > 1:
                yield from _compare(hashes, bucket, distance)


def _compare(hashes: Hashes, bucket: NDArray[np.intp], distance: int) -> Iterator[Pairs]:
    values = hashes[bucket]
    for start in range(0, len(bucket), _BLOCK):
        block = values[start : start + _BLOCK]
        left, right = np.nonzero(_count_bits(block[:, None] ^ values[None, start:]) <= distance)
        ahead = left < right
        yield np.stack([bucket[start + left[ahead]], bucket[start + right[ahead]]], axis=1)


def _count_bits(values: Hashes) -> NDArray[Any]:
    """Number of one-bits in each 64-bit value: H. S. Warren, "Hacker's Delight" (2012), figure 5-2."""
    values = values - ((values >> np.uint64(1)) & np.uint64(0x5555555555555555))
    values = (values & np.uint64(0x3333333333333333)) + ((values >> np.uint64(2)) & np.uint64(0x3333333333333333))
    values = (values + (values >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (values * np.uint64(0x0101010101010101)) >> np.uint64(56)
