"""Splits: decided by hash, the same each time, and never between what belongs together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.example_gen.options import DataOptions, SplitRatios
from components.example_gen.splits import choose_split, join_keys, pixel_key, split_key
from models.features import SPLITS

DATA = DataOptions(catalogue="rows.csv")

# Few groups and few pictures, so that they meet often.
records = st.lists(st.tuples(st.sampled_from([None, *"abcdefgh"]), st.sampled_from("0123456789")), max_size=30)


def roots_of(rows: list[tuple[str | None, str]]) -> dict[str, str]:
    keys: dict[str, set[str]] = {}
    for group, pixels in rows:
        keys.setdefault(pixels, set()).add(split_key(group, pixels))
    return join_keys(sorted(found) for found in keys.values() if len(found) > 1)


def connected(links: list[set[str]]) -> dict[str, str]:
    """The same as ``join_keys``, by flooding until nothing changes."""
    least = {key: key for link in links for key in link}
    changed = True
    while changed:
        changed = False
        for link in links:
            new = min(least[key] for key in link)
            for key in link:
                changed |= least[key] != new
                least[key] = new
    return least


@given(st.lists(st.sets(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=4), max_size=14))
def test_joined_keys_are_the_connected_ones(links: list[set[str]]) -> None:
    assert join_keys(links) == connected(links)


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=8), st.randoms())
def test_the_order_of_links_does_not_matter(links: list[set[str]], random: object) -> None:
    shuffled = list(links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert join_keys(links) == join_keys(shuffled)


def test_a_long_chain_is_one_set() -> None:
    links = [(f"{n:05d}", f"{n + 1:05d}") for n in range(20_000)]
    assert set(join_keys(reversed(links)).values()) == {"00000"}


@given(rows=records, seed=st.integers(0, 5))
def test_groups_and_equal_pixels_never_straddle(rows: list[tuple[str | None, str]], seed: int) -> None:
    roots = roots_of(rows)
    data = DATA.model_copy(update={"seed": seed})
    of_group: dict[str, set[str]] = {}
    of_pixels: dict[str, set[str]] = {}
    for group, pixels in rows:
        split = choose_split(split_key(group, pixels), roots, data)
        of_pixels.setdefault(pixels, set()).add(split)
        if group:
            of_group.setdefault(group, set()).add(split)
    assert all(len(splits) == 1 for splits in [*of_group.values(), *of_pixels.values()])


def shares(data: DataOptions, count: int = 20_000) -> Mapping[str, float]:
    found = Counter(choose_split(pixel_key(f"{n}"), {}, data) for n in range(count))
    return {split: found[split] / count for split in SPLITS}


@pytest.mark.parametrize("wanted", [(0.8, 0.1, 0.1), (0.34, 0.33, 0.33), (0.98, 0.01, 0.01)])
def test_shares_are_as_asked(wanted: tuple[float, float, float]) -> None:
    data = DATA.model_copy(update={"splits": SplitRatios(**dict(zip(SPLITS, wanted, strict=True)))})
    for split, share in zip(SPLITS, wanted, strict=True):
        # Four standard deviations of a share of 20,000.
        assert abs(shares(data)[split] - share) < 4 * (share * (1 - share) / 20_000) ** 0.5


def test_a_split_depends_on_key_and_seed_only() -> None:
    keys = [pixel_key(str(n)) for n in range(200)]
    first = [choose_split(key, {}, DATA) for key in keys]
    assert first == [choose_split(key, {}, DATA) for key in keys]
    assert first != [choose_split(key, {}, DATA.model_copy(update={"seed": 1})) for key in keys]


def test_splits_of_today_are_those_of_tomorrow() -> None:
    splits = [choose_split(pixel_key(str(n)), {}, DATA) for n in range(16)]
    assert [split[1] for split in splits] == list("rrrrerrerrrrrrre")  # tRain, vAl, tEst


def test_a_group_is_no_picture() -> None:
    assert split_key("x", "y") != split_key(None, "x")
    assert split_key("", "y") == pixel_key("y")


@pytest.mark.parametrize("values", [(0.8, 0.1, 0.2), (1.0, 0.0, 0.0), (0.5, 0.6, -0.1)])
def test_impossible_shares_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValidationError):
        SplitRatios(**dict(zip(SPLITS, values, strict=True)))
