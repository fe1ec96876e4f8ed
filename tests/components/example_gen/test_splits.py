"""Splits: ratios, clusters that are never parted, and rows that come and go without moving others."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from diptych.components.catalogue.options import SplitRatios
from diptych.models.features import SPLITS
from tests.components.example_gen.items import Item, assign, items, options, splits_of


def clusters(rows: list[Item]) -> list[set[str]]:
    """The ids that must share a split, because groups or pixels join them; found in another way than in the code."""
    sets = [{row.id} for row in rows]
    for of in (lambda row: row.group, lambda row: row.pixels):
        members = defaultdict(set)
        for row in rows:
            if of(row) is not None:
                members[of(row)].add(row.id)
        for joined in members.values():
            touched = [found for found in sets if found & joined]
            sets = [found for found in sets if not found & joined] + ([set.union(*touched)] if touched else [])
    return sets


@given(items, st.integers(0, 3))
def test_no_group_and_no_picture_is_ever_parted(rows: list[Item], seed: int) -> None:
    split = splits_of(rows, options(seed=seed))
    for cluster in clusters(rows):
        assert len({split[member] for member in cluster}) == 1


@given(items, st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[Item], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert splits_of(rows, options()) == splits_of(shuffled, options())


@given(items, st.sets(st.integers(0, 39)), st.booleans())
def test_rows_come_and_go_without_moving_those_whose_cluster_stays(
    rows: list[Item], gone: set[int], stratify: bool
) -> None:
    """Stratified rows may change their split when others come or go; then only clusters must stay whole."""
    data = options(stratify=stratify)
    fewer = [row for number, row in enumerate(rows) if number not in gone]
    before, after = splits_of(fewer, data), splits_of(rows, data)
    small, large = clusters(fewer), clusters(rows)
    for cluster in small:
        if stratify:
            assert len({before[member] for member in cluster}) == 1
        elif cluster in large:
            assert all(before[member] == after[member] for member in cluster)


@given(items)
def test_without_groups_no_row_ever_moves(rows: list[Item]) -> None:
    alone = [Item(row.id, row.pixels, row.text) for row in rows]
    whole = splits_of(alone, options())
    for count in range(len(alone)):
        assert splits_of(alone[: count + 1], options()).items() <= whole.items()


def test_splits_have_their_shares() -> None:
    rows = [Item(str(n), str(n)) for n in range(20_000)]
    found = np.bincount(assign(rows, options(splits={"train": 0.7, "val": 0.2, "test": 0.1})).split)
    assert found / 20_000 == pytest.approx([0.7, 0.2, 0.1], abs=0.01)


def test_another_seed_is_another_split() -> None:
    rows = [Item(str(n), str(n)) for n in range(100)]
    assert splits_of(rows, options(seed=1)) != splits_of(rows, options(seed=2))


def test_a_declared_split_wins() -> None:
    rows = [Item(str(n), "same pixels", str(n), "same group", split=n % 3) for n in range(6)]
    assert list(splits_of(rows, options(columns={"split": "part"})).values()) == [*SPLITS, *SPLITS]


def test_each_label_gets_the_shares_when_stratified() -> None:
    rows = [Item(str(n), str(n), labels=("rare",) if n % 20 == 0 else ("common",)) for n in range(2_000)]
    assignment = assign(rows, options(stratify=True))
    rare = assignment.label_set == assignment.label_sets.index(("rare",))
    assert np.bincount(assignment.split[rare]).tolist() == [80, 10, 10]
    assert np.bincount(assignment.split[~rare]).tolist() == [1520, 190, 190]


def test_a_row_of_several_labels_is_stratified_by_the_rarest() -> None:
    def labels(number: int) -> tuple[str, ...]:
        return ("common", *(["often"] if number % 2 else []), *(["rare"] if number % 20 == 0 else []))

    split = splits_of([Item(str(n), str(n), labels=labels(n)) for n in range(2_000)], options(stratify=True))
    for label, shares in {"rare": (80, 10, 10), "often": (800, 100, 100), "common": (1_600, 200, 200)}.items():
        found = Counter(split[str(n)] for n in range(2_000) if label in labels(n))
        assert tuple(found[name] for name in SPLITS) == shares


def test_sets_of_labels_that_occur_once_get_the_shares_too() -> None:
    rows = [Item(str(n), str(n), labels=(f"a{n // 32:02}", f"b{n % 32:02}")) for n in range(1_024)]
    found = np.bincount(assign(rows, options(stratify=True)).split)
    assert found / 1_024 == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


def test_a_row_added_moves_few_stratified_rows() -> None:
    rows = [Item(str(n), str(n), labels=(str(n % 5),)) for n in range(1_000)]
    before = splits_of(rows, options(stratify=True))
    after = splits_of([*rows, Item("more", "more", labels=("1",))], options(stratify=True))
    assert sum(after[name] != split for name, split in before.items()) <= 2


def test_shares_must_add_up() -> None:
    with pytest.raises(ValidationError, match="add up to 1"):
        SplitRatios(train=0.8, val=0.3, test=0.1)
