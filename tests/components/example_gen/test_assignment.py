"""Duplicates, splits and shards: pure functions of the entries, whatever their order and whoever joins them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from diptych.components.catalogue.options import DataOptions, SplitRatios
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.example_gen.assignment import KEPT, REPEATS, Decision, choose_shards, resolve
from diptych.components.example_gen.row_tables import ENTRY, UNDECLARED, Entries, Table, digest
from diptych.models.features import SPLITS


@dataclass(frozen=True)
class Item:
    """What counts of a row."""

    id: str
    pixels: str
    text: str = ""
    group: str | None = None
    labels: tuple[str, ...] = ("cat",)
    phash: int = 0
    split: int = UNDECLARED


def options(**changes: Any) -> DataOptions:
    return DataOptions(catalogue="rows.csv", **changes)


def entries_of(items: list[Item]) -> Entries:
    rows = [
        (
            number,
            100,
            digest(item.id),
            digest(item.pixels),
            item.phash,
            digest(item.pixels, item.text, *item.labels),
            digest(item.group) if item.group else b"",
            digest(*item.labels),
            item.split,
        )
        for number, item in enumerate(items, start=1)
    ]
    return np.array(rows, ENTRY)


def decide(items: list[Item], data: DataOptions, tables: int = 1) -> Decision:
    parts = np.array_split(entries_of(items), tables)
    chunks = [Chunk(0, place + 1, len(part), "rows.csv", 0, 0) for place, part in enumerate(parts)]
    names = {digest(*item.labels): item.labels for item in items}
    return resolve([Table(chunk, part, [], names, 0) for chunk, part in zip(chunks, parts, strict=True)], data)


def splits_of(items: list[Item], data: DataOptions) -> dict[str, str | None]:
    """Id to split; None for a rejected row."""
    decision = decide(items, data)
    names = [SPLITS[split] if split >= 0 else None for split in decision.split]
    return dict(zip((item.id for item in items), names, strict=True))


def refusals(items: list[Item], data: DataOptions) -> dict[str, tuple[str, str]]:
    """Id of each rejected item to its reason and the id that it repeats."""
    decision = decide(items, data)
    return {
        item.id: (REPEATS[reason], items[other].id)
        for item, reason, other in zip(items, decision.reason, decision.repeated, strict=True)
        if reason != KEPT
    }


# Few groups and few pictures, so that they meet often.
items = st.lists(
    st.tuples(st.sampled_from([None, *"abcdef"]), st.sampled_from("0123456789"), st.sampled_from("xyz")), max_size=40
).map(lambda rows: [Item(str(n), pixels, text + str(n), group) for n, (group, pixels, text) in enumerate(rows)])


def clusters(rows: list[Item]) -> list[set[str]]:
    """What must not be parted, by flooding: ids joined by group or pixels."""
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
    """Stratified splits may move at the bounds, so they are held to the weaker promise: no cluster is parted."""
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


@given(items, st.integers(1, 5))
def test_how_the_catalogue_is_cut_does_not_matter(rows: list[Item], tables: int) -> None:
    one, several = decide(rows, options()), decide(rows, options(), tables)
    for name in ("reason", "repeated", "split", "shard"):
        assert np.array_equal(getattr(one, name), getattr(several, name))


def test_splits_have_their_shares() -> None:
    rows = [Item(str(n), str(n)) for n in range(20_000)]
    found = np.bincount(decide(rows, options(splits={"train": 0.7, "val": 0.2, "test": 0.1})).split)
    assert found / 20_000 == pytest.approx([0.7, 0.2, 0.1], abs=0.01)


def test_another_seed_is_another_split() -> None:
    rows = [Item(str(n), str(n)) for n in range(100)]
    assert splits_of(rows, options(seed=1)) != splits_of(rows, options(seed=2))


def test_a_long_chain_of_groups_and_pictures_is_one_cluster() -> None:
    rows = [Item(f"{n} {end}", str(n + end), str(n), f"group {n}") for n in range(5_000) for end in (0, 1)]
    assert len(set(splits_of(rows, options()).values())) == 1


def test_a_declared_split_wins() -> None:
    rows = [Item(str(n), "same pixels", str(n), "same group", split=n % 3) for n in range(6)]
    assert list(splits_of(rows, options(columns={"split": "part"})).values()) == [*SPLITS, *SPLITS]


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        ("keep", {}),
        ("together", {"c": ("duplicate", "a")}),
        ("drop", {"b": ("duplicate", "a"), "c": ("duplicate", "a")}),
    ],
)
def test_equal_pixels(policy: str, refused: dict[str, tuple[str, str]]) -> None:
    rows = [Item("a", "p", "one"), Item("b", "p", "two"), Item("c", "p", "one"), Item("d", "q", "one")]
    assert refusals(rows, options(duplicates={"exact": policy})) == refused


def test_an_id_is_given_once() -> None:
    rows = [Item("a", "1"), Item("b", "2"), Item("a", "3"), Item("a", "1")]
    data = options(columns={"id": "sku"})
    decision = decide(rows, data)
    assert [REPEATS[reason] for reason in decision.reason[2:]] == ["duplicate_id", "duplicate_id"]
    assert decision.repeated[2:].tolist() == [0, 0]
    assert (decide(rows, options()).reason[:3] == KEPT).all(), "without an id column, an id is only the image's path"


def test_near_ones_are_dropped_when_near_a_kept_one() -> None:
    """b is near a, c only near b: a chain does not drop what is near nothing that is kept."""
    hashes = {"a": 0b0, "b": 0b11, "c": 0b1111, "d": 0b11, "e": 0xFF << 50}
    rows = [Item(name, name, phash=value) for name, value in hashes.items()]
    data = options(duplicates={"near": "drop", "distance": 2})
    assert refusals(rows, data) == {"b": ("near_duplicate", "a"), "d": ("near_duplicate", "a")}


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
    decision = decide(all_items, data)
    dropped = np.flatnonzero(decision.reason != KEPT)
    assert (decision.repeated[dropped] < dropped).all()
    near = dropped[decision.reason[dropped] == REPEATS.index("near_duplicate")]
    assert (decision.reason[decision.repeated[near]] == KEPT).all()
    kept = entries_of(all_items)[decision.reason == KEPT]
    assert len(np.unique(kept["pixels"])) == len(kept)
    assert (decision.split >= 0).tolist() == (decision.reason == KEPT).tolist()


def test_each_label_gets_the_shares_when_stratified() -> None:
    rows = [Item(str(n), str(n), labels=("rare",) if n % 20 == 0 else ("common",)) for n in range(2_000)]
    decision = decide(rows, options(stratify=True))
    rare = decision.label_set == decision.label_sets.index(digest("rare").rstrip(b"\0"))
    assert np.bincount(decision.split[rare]).tolist() == [80, 10, 10]
    assert np.bincount(decision.split[~rare]).tolist() == [1520, 190, 190]


def test_a_row_of_several_labels_is_stratified_by_the_rarest() -> None:
    def labels(number: int) -> tuple[str, ...]:
        return ("common", *(["often"] if number % 2 else []), *(["rare"] if number % 20 == 0 else []))

    split = splits_of([Item(str(n), str(n), labels=labels(n)) for n in range(2_000)], options(stratify=True))
    for label, shares in {"rare": (80, 10, 10), "often": (800, 100, 100), "common": (1_600, 200, 200)}.items():
        found = Counter(split[str(n)] for n in range(2_000) if label in labels(n))
        assert tuple(found[name] for name in SPLITS) == shares


def test_sets_of_labels_that_occur_once_get_the_shares_too() -> None:
    rows = [Item(str(n), str(n), labels=(f"a{n // 32:02}", f"b{n % 32:02}")) for n in range(1_024)]
    found = np.bincount(decide(rows, options(stratify=True)).split)
    assert found / 1_024 == pytest.approx([0.8, 0.1, 0.1], abs=0.03)


def test_a_row_added_moves_few_stratified_rows() -> None:
    rows = [Item(str(n), str(n), labels=(str(n % 5),)) for n in range(1_000)]
    before = splits_of(rows, options(stratify=True))
    after = splits_of([*rows, Item("more", "more", labels=("1",))], options(stratify=True))
    assert sum(after[name] != split for name, split in before.items()) <= 2


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


def test_shares_must_add_up() -> None:
    with pytest.raises(ValidationError, match="add up to 1"):
        SplitRatios(train=0.8, val=0.3, test=0.1)
