"""Samples are spread over all of what they are taken of, and are the same each time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.samples import evenly_spaced, spread


@given(st.integers(0, 5000), st.integers(1, 100))
def test_a_sample_of_a_stream_is_spread_over_it(length: int, count: int) -> None:
    found = spread(iter(range(length)), count)
    assert found == spread(range(length), count)
    assert len(found) == min(length, count)
    assert found == sorted(set(found))
    edges = [-1, *found, length]
    assert max(after - before for before, after in zip(edges, edges[1:], strict=False)) <= 4 * length / count + 1


@pytest.mark.parametrize("length", [1500, 1999, 2001, 5000, 100_000])
@pytest.mark.parametrize("period", [2, 3, 4, 8, 10])
def test_of_what_comes_by_turns_each_is_in_the_sample(length: int, period: int) -> None:
    counts = Counter(number % period for number in spread(range(length), 1000))
    assert len(counts) == period
    assert min(counts.values()) > 600 / period


@given(st.integers(0, 500), st.integers(1, 100))
def test_a_sample_of_a_sequence_is_evenly_spaced(length: int, count: int) -> None:
    found = evenly_spaced(range(length), count)
    assert len(found) == min(length, count)
    gaps = {after - before for before, after in zip(found, found[1:], strict=False)}
    assert not gaps or max(gaps) - min(gaps) <= 1
