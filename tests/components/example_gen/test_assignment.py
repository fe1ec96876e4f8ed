"""Assignment: it does not depend on how the catalogue is cut, and shards are contiguous and of equal size."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.example_gen.assignment import choose_shards
from tests.components.example_gen.items import Item, assign, items, options


@given(items, st.integers(1, 5))
def test_how_the_catalogue_is_cut_does_not_matter(rows: list[Item], chunks: int) -> None:
    one, several = assign(rows, options()), assign(rows, options(), chunks)
    for name in ("reason", "original", "split", "shard"):
        assert np.array_equal(getattr(one, name), getattr(several, name))


@given(st.lists(st.tuples(st.integers(1, 1_000), st.integers(-1, 2)), max_size=60), st.integers(1, 9))
def test_shards_are_contiguous_and_none_is_empty(rows: list[tuple[int, int]], asked: int) -> None:
    sizes = np.array([size for size, _ in rows], np.uint32)
    split = np.array([number for _, number in rows], np.int8)
    shard, counts = choose_shards(sizes, split, asked)
    for number, count in enumerate(counts):
        found = shard[split == number]
        assert (np.diff(found) >= 0).all()
        assert count <= asked
        assert found.size == 0 or found.max() < count


def test_shards_are_of_equal_size() -> None:
    sizes = np.full(1_000, 48_000, np.uint32)
    shard, counts = choose_shards(sizes, np.zeros(1_000, np.int8), 4)
    assert counts == (4, 1, 1)
    assert np.bincount(shard).tolist() == [250] * 4


def test_shards_hold_about_128_megabytes_unless_told() -> None:
    sizes = np.full(10_000, 49_152, np.uint32)
    _, counts = choose_shards(sizes, np.zeros(10_000, np.int8), None)
    assert counts[0] == 4
