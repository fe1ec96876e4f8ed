"""The pairs connect the same hashes as comparing every two hashes does."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from diptych.models.images import hamming
from diptych.models.images.hamming import pairs_within_hamming_distance

HASHES = st.integers(-(2**63), 2**63 - 1)


def distance(left: int, right: int) -> int:
    return bin((left ^ right) & (2**64 - 1)).count("1")


def component_numbers(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    rows, columns = [left for left, _ in pairs], [right for _, right in pairs]
    return list(connected_components(coo_array((np.ones(len(pairs)), (rows, columns)), shape=(count, count)))[1])


@st.composite
def families(draw: st.DrawFn) -> list[int]:
    """Hashes of which many differ from another one in a few bits."""
    hashes = draw(st.lists(HASHES, min_size=1, max_size=8))
    for _ in range(draw(st.integers(0, 24))):
        flipped = np.uint64(draw(st.sampled_from(hashes)) & (2**64 - 1))
        for bit in draw(st.lists(st.integers(0, 63), max_size=5)):
            flipped ^= np.uint64(1) << np.uint64(bit)
        hashes.append(int(flipped.astype(np.int64)))
    return hashes


@given(families(), st.integers(0, 15))
def test_the_pairs_connect_what_comparing_all_pairs_connects(hashes: list[int], most: int) -> None:
    every = [pair for pair in combinations(range(len(hashes)), 2) if distance(*(hashes[p] for p in pair)) <= most]
    found = [tuple(pair) for pair in pairs_within_hamming_distance(np.array(hashes, np.int64), most).tolist()]
    assert set(found) <= set(every)
    assert component_numbers(len(hashes), found) == component_numbers(len(hashes), every)


def test_a_pair_has_the_earlier_first_and_stands_once() -> None:
    pairs = pairs_within_hamming_distance(np.array([5, 4, 5, 5], np.int64), 2)
    assert pairs.tolist() == [[0, 1], [0, 2], [0, 3]]


def test_a_bucket_larger_than_a_block_is_compared_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "_BLOCK_SIZE", 3)
    hashes = np.arange(16, dtype=np.int64)
    expected = [[a, b] for a, b in combinations(range(16), 2) if distance(a, b) <= 1]
    assert pairs_within_hamming_distance(hashes, 1).tolist() == expected


def test_most_hashes_are_never_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    count = hamming._count_bits

    def counting(values: hamming.Hashes) -> hamming.Hashes:
        nonlocal compared
        compared += values.size
        return count(values)

    monkeypatch.setattr(hamming, "_count_bits", counting)
    hashes = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 20_000)
    pairs_within_hamming_distance(hashes, 3)
    assert 0 < compared < 20_000**2 / 2 / 100


def test_no_hash_has_no_pair() -> None:
    assert pairs_within_hamming_distance(np.array([], np.int64), 3).shape == (0, 2)
