"""Declared splits are kept, missing ones are taken from train, and what straddles them is kept, moved or dropped."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.models.features import SPLITS
from tests.components.example_gen.items import Item, assign, items, options, rejects_of, splits_of

TRAIN, VAL, TEST = range(3)
# As many rows as items, each declared to be in one of the splits.
declared_items = st.tuples(items, st.lists(st.sampled_from([TRAIN, VAL, TEST]), min_size=40, max_size=40)).map(
    lambda drawn: [replace(row, split=split) for row, split in zip(*drawn, strict=False)]
)


def some(count: int, split: int, prefix: str = "") -> list[Item]:
    return [Item(f"{prefix}{split}-{n}", f"{prefix}{split}-{n}", split=split) for n in range(count)]


@given(declared_items)
def test_declared_splits_are_kept(rows: list[Item]) -> None:
    rows += some(1, TRAIN) + some(1, VAL) + some(1, TEST)
    for row, split in zip(rows, splits_of(rows, options(split_by="group")).values(), strict=True):
        assert split in (None, SPLITS[row.split])


@pytest.mark.parametrize("present", [(TRAIN,), (TRAIN, TEST), (TRAIN, VAL)])
def test_missing_splits_are_taken_from_train_by_the_ratios_among_them(present: tuple[int, ...]) -> None:
    rows = [row for split in present for row in some(20_000 if split == TRAIN else 500, split)]
    ratios = {"train": 0.5, "val": 0.3, "test": 0.2}
    data = options(splits=ratios)
    found = Counter(splits_of([row for row in rows if row.split == TRAIN], data).values())
    whole = Counter(splits_of(rows, data).values())
    shared = {name: ratios[name] for number, name in enumerate(SPLITS) if number == TRAIN or number not in present}
    for name, ratio in shared.items():
        assert whole[name] / 20_000 == pytest.approx(ratio / sum(shared.values()), abs=0.01)
    for number in present[1:]:
        assert whole[SPLITS[number]] == 500
    if present == (TRAIN,):
        assert found == whole == Counter(splits_of([replace(row, split=-1) for row in rows], data).values())


@given(declared_items)
def test_what_is_taken_from_train_parts_no_group_and_no_picture(rows: list[Item]) -> None:
    rows = [replace(row, split=TRAIN if row.split == VAL else row.split) for row in rows]
    rows += some(1, TRAIN) + some(1, TEST)
    split = splits_of(rows, options(split_by="group"))
    for of in (lambda row: row.group, lambda row: row.pixels):
        for value in {of(row) for row in rows} - {None}:
            members = [row for row in rows if of(row) == value and split[row.id] is not None]
            if all(row.split == TRAIN for row in members):
                continue
            # A cluster that straddles is left as it is declared.
            assert all(split[row.id] == SPLITS[row.split] for row in members)


def test_a_part_is_taken_stratified() -> None:
    rows = [replace(row, labels=("cat",) if n % 10 else ("dog",)) for n, row in enumerate(some(1_000, TRAIN))]
    split = splits_of(rows + some(10, TEST), options(stratify=True))
    dogs = Counter(split[row.id] for row in rows if row.labels == ("dog",))
    assert dogs["val"] == 11


def test_splits_without_train_are_refused() -> None:
    with pytest.raises(CatalogueError, match="declares val and test, but no train to learn from"):
        assign(some(3, VAL) + some(3, TEST), options())


@pytest.mark.parametrize(
    ("key", "changes"),
    [("data.stratify", {"stratify": True}), ("data.splits", {"splits": {"train": 0.6, "val": 0.2, "test": 0.2}})],
)
@pytest.mark.parametrize("column", [None, "part"])
def test_settings_of_a_split_that_nothing_is_left_for_are_refused(
    key: str, changes: dict[str, object], column: str | None
) -> None:
    rows = some(3, TRAIN) + some(3, VAL) + some(3, TEST)
    other = "data.columns.split" if column else "data.declared_splits: ignore"
    with pytest.raises(CatalogueError, match=f"^{key}: .*{other}"):
        assign(rows, options(columns={"split": column}, **changes))
    assert assign([row for row in rows if row.split != VAL], options(columns={"split": column}, **changes)).rows == 6


def straddling() -> list[Item]:
    """A picture in train, val and test, a group in train and test, and rows of their own."""
    return [
        *some(20, TRAIN),
        Item("picture in train", "p", split=TRAIN),
        Item("group in train", "g1", group="g", split=TRAIN),
        *some(5, VAL),
        Item("picture in val", "p", split=VAL),
        *some(5, TEST),
        Item("picture in test", "p", text="other", split=TEST),
        Item("group in test", "g2", group="g", split=TEST),
    ]


def test_by_default_straddling_rows_are_left_for_the_gate() -> None:
    assert rejects_of(straddling(), options(split_by="group")) == {}


def test_straddling_rows_move_to_the_split_that_is_judged_last() -> None:
    rows, data = straddling(), options(split_by="group", straddling="move")
    split = splits_of(rows, data)
    # It repeats picture in train, in which it would be a needless row.
    assert rejects_of(rows, data) == {"picture in val": ("duplicate", "picture in train")}
    moved = {row.id: split[row.id] for row in rows if split[row.id] != SPLITS[row.split]}
    assert moved == {"picture in train": "test", "group in train": "test", "picture in val": None}


def test_straddling_rows_are_dropped_from_all_splits_but_the_last() -> None:
    rejects = rejects_of(straddling(), options(split_by="group", straddling="drop"))
    assert rejects == {
        "picture in train": ("straddling", "picture in test"),
        "group in train": ("straddling", "group in test"),
        "picture in val": ("straddling", "picture in test"),
    }


def test_a_dropped_row_is_said_to_belong_with_the_first_that_is_kept() -> None:
    rows = [
        *some(3, TRAIN),
        Item("in train", "p", split=TRAIN),
        Item("first in test", "p", text="one", split=TEST),
        Item("second in test", "p", text="two", split=TEST),
    ]
    assert rejects_of(rows, options(straddling="drop")) == {"in train": ("straddling", "first in test")}


@given(declared_items, st.sampled_from(["move", "drop"]))
def test_nothing_straddles_afterwards_and_no_test_row_is_lost_to_train(rows: list[Item], policy: str) -> None:
    rows += some(1, TRAIN) + some(1, VAL) + some(1, TEST)
    data = options(split_by="group", straddling=policy)
    split = splits_of(rows, data)
    for of in (lambda row: row.group, lambda row: row.pixels):
        for value in {of(row) for row in rows} - {None}:
            assert len({split[row.id] for row in rows if of(row) == value} - {None}) <= 1
    for name, (_, other) in rejects_of(rows, data).items():
        numbers = {row.id: row.split for row in rows}
        assert numbers[name] <= numbers[other] or policy == "move"


@pytest.mark.parametrize("exact", ["drop", "together"])
def test_of_repeated_rows_the_test_row_is_kept_wherever_it_stands(exact: str) -> None:
    rows = [Item("train", "p", split=TRAIN), *some(3, TRAIN), *some(3, VAL), Item("test", "p", split=TEST)]
    rejects = rejects_of(rows, options(duplicates={"exact": exact}))
    assert rejects == ({"train": ("duplicate", "test")} if exact == "drop" else {})
    assert rejects_of(rows, options(duplicates={"exact": exact})) == rejects_of(
        rows[::-1], options(duplicates={"exact": exact})
    )


def test_a_row_that_is_repeated_in_its_own_split_is_rejected() -> None:
    rows = [*some(3, TRAIN), Item("again", "0-0", split=TRAIN)]
    assert rejects_of(rows, options()) == {"again": ("duplicate", "0-0")}


@given(declared_items, st.integers(1, 5), st.sampled_from(["report", "move", "drop"]))
def test_how_the_catalogue_is_cut_does_not_matter(rows: list[Item], chunks: int, policy: str) -> None:
    rows += some(5, TRAIN)
    data = options(split_by="group", straddling=policy)
    one, several = assign(rows, data), assign(rows, data, chunks)
    for name in ("reason", "original", "declared", "split", "shard"):
        assert np.array_equal(getattr(one, name), getattr(several, name))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"declared_splits": "ignore", "columns": {"split": "part"}}, "declared_splits: ignore .* columns.split"),
        ({"declared_splits": "ignore", "straddling": "drop"}, "straddling: drop .* declared_splits: ignore"),
        ({"duplicates": {"exact": "keep"}, "straddling": "move"}, "straddling: move .* duplicates.exact: keep"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.compile(message)):
        options(**changes)


def test_groups_may_straddle_where_equal_images_may() -> None:
    rows = straddling()
    data = options(duplicates={"exact": "keep"}, straddling="drop", split_by="group")
    assert rejects_of(rows, data) == {"group in train": ("straddling", "group in test")}
