"""Duplicates: which records are rejected for an earlier one, and which stay together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.example_gen.duplicates import DUPLICATE_REASONS, KEPT
from tests.components.example_gen.items import Item, assign, entries_of, options, rejects_of, splits_of


@pytest.mark.parametrize(
    ("policy", "rejected"),
    [
        ("keep", {}),
        ("together", {"c": ("duplicate", "a")}),
        ("drop", {"b": ("duplicate", "a"), "c": ("duplicate", "a")}),
    ],
)
def test_equal_pixels(policy: str, rejected: dict[str, tuple[str, str]]) -> None:
    rows = [Item("a", "p", "one"), Item("b", "p", "two"), Item("c", "p", "one"), Item("d", "q", "one")]
    assert rejects_of(rows, options(duplicates={"exact": policy})) == rejected


def test_an_id_is_given_once() -> None:
    rows = [Item("a", "1"), Item("b", "2"), Item("a", "3"), Item("a", "1")]
    data = options(columns={"id": "sku"})
    assignment = assign(rows, data)
    assert [DUPLICATE_REASONS[reason] for reason in assignment.reason[2:]] == ["duplicate_id", "duplicate_id"]
    assert assignment.original[2:].tolist() == [0, 0]
    assert (assign(rows, options()).reason[:3] == KEPT).all(), "without an id column, an id is only the image's path"


def test_near_ones_are_dropped_when_near_a_kept_one() -> None:
    """b is near a, and c is near b only: as b is dropped, c is near no kept record and stays."""
    hashes = {"a": 0b0, "b": 0b11, "c": 0b1111, "d": 0b11, "e": 0xFF << 50}
    rows = [Item(name, name, phash=value) for name, value in hashes.items()]
    data = options(duplicates={"near": "drop", "distance": 2})
    assert rejects_of(rows, data) == {"b": ("near_duplicate", "a"), "d": ("near_duplicate", "a")}


def test_near_ones_stay_together() -> None:
    rows = [Item(str(n), str(n), phash=(n % 50) << 20) for n in range(400)]
    near = options(duplicates={"near": "together", "distance": 0})
    split = splits_of(rows, near)
    assert all(split[str(n)] == split[str(n % 50)] for n in range(400))
    assert len(set(split.values())) == 3
    assert any(splits_of(rows, options())[str(n)] != splits_of(rows, options())[str(n % 50)] for n in range(400))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("01234567"), st.integers(0, 7)), max_size=40))
def test_whoever_is_dropped_repeats_a_kept_one_before_it(rows: list[tuple[str, str, int]]) -> None:
    all_items = [Item(str(n % 30), pixels, text, phash=near) for n, (text, pixels, near) in enumerate(rows)]
    data = options(columns={"id": "i"}, duplicates={"exact": "drop", "near": "drop", "distance": 1})
    assignment = assign(all_items, data)
    dropped = np.flatnonzero(assignment.reason != KEPT)
    assert (assignment.original[dropped] < dropped).all()
    near = dropped[assignment.reason[dropped] == DUPLICATE_REASONS.index("near_duplicate")]
    assert (assignment.reason[assignment.original[near]] == KEPT).all()
    kept = entries_of(all_items)[assignment.reason == KEPT]
    assert len(np.unique(kept["pixels"])) == len(kept)
    assert (assignment.split >= 0).tolist() == (assignment.reason == KEPT).tolist()


def test_a_long_chain_of_groups_and_pictures_is_one_cluster() -> None:
    rows = [Item(f"{n} {end}", str(n + end), str(n), f"group {n}") for n in range(5_000) for end in (0, 1)]
    assert len(set(splits_of(rows, options()).values())) == 1
