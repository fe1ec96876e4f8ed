"""Groups of equal and of similar images are found."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.report.duplicates import NEAR_DUPLICATE_BITS, exact_duplicate_groups, near_duplicate_groups

HASHES = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8)
FLIPS = st.lists(st.integers(0, 63), max_size=5)


def digests(count: int) -> np.ndarray:
    return np.array([f"{n:064x}" for n in range(count)], object)


def near(first: int, second: int) -> bool:
    return ((first ^ second) & (2**64 - 1)).bit_count() <= NEAR_DUPLICATE_BITS


def joined(hashes: list[int]) -> set[frozenset[int]]:
    """Groups of hashes that a chain of near ones joins, by comparing all with all."""
    groups: list[set[int]] = []
    for number, value in enumerate(hashes):
        touching = [group for group in groups if any(near(value, hashes[other]) for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append({number}.union(*touching))
    return {frozenset(group) for group in groups if len(group) > 1}


def test_equal_digests_are_a_group_largest_first() -> None:
    found = exact_duplicate_groups(np.array(["b", "a", "c", "a", "b", "a", "", ""], object))
    assert [group.tolist() for group in found] == [[1, 3, 5], [0, 4]]


@given(HASHES, FLIPS)
def test_near_hashes_are_a_group_as_comparing_all_with_all_finds(hashes: list[int], flips: list[int]) -> None:
    changed = hashes[0]
    for bit in flips:
        changed ^= 1 << bit if bit < 63 else -(2**63)
    every = [*hashes[:7], changed]
    found = near_duplicate_groups(np.array(every, np.int64), digests(len(every)))
    assert {frozenset(group.tolist()) for group in found} == joined(every)


def test_of_equal_images_one_is_compared() -> None:
    hashes = np.array([0, 0, 1], np.int64)
    assert [group.tolist() for group in near_duplicate_groups(hashes, np.array(["a", "a", "b"], object))] == [[0, 2]]


def test_many_equal_hashes_are_one_group() -> None:
    (group,) = near_duplicate_groups(np.zeros(5000, np.int64), digests(5000))
    assert len(group) == 5000


def test_no_rows_have_no_groups() -> None:
    assert near_duplicate_groups(np.zeros(0, np.int64), digests(0)) == []
    assert exact_duplicate_groups(digests(0)) == []
