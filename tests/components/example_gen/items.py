"""Items that stand for records in the tests of duplicates, splits and assignments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.example_gen.assignment import Assignment, assign_splits
from diptych.components.example_gen.duplicates import DUPLICATE_REASONS, KEPT
from diptych.components.example_gen.record_index import (
    ENTRY_DTYPE,
    NO_SPLIT,
    ChunkIndex,
    ChunkSummary,
    IndexEntries,
    digest_texts,
)
from diptych.models.features import SPLITS


@dataclass(frozen=True)
class Item:
    """What duplicates and splits depend on."""

    id: str
    pixels: str
    text: str = ""
    group: str | None = None
    labels: tuple[str, ...] = ("cat",)
    phash: int = 0
    split: int = NO_SPLIT


def options(**changes: Any) -> DataOptions:
    return DataOptions(catalogue="rows.csv", **changes)


def entries_of(items: list[Item]) -> IndexEntries:
    rows = [
        (
            number,
            100,
            digest_texts(item.id),
            digest_texts(item.pixels),
            item.phash,
            digest_texts(item.pixels, item.text, *item.labels),
            digest_texts(item.group) if item.group else b"",
            digest_texts(*item.labels),
            item.split,
        )
        for number, item in enumerate(items, start=1)
    ]
    return np.array(rows, ENTRY_DTYPE)


def assign(items: list[Item], data: DataOptions, chunks: int = 1) -> Assignment:
    """The assignment of items that are spread over a number of chunks."""
    parts = np.array_split(entries_of(items), chunks)
    labels = {digest_texts(*item.labels): item.labels for item in items}
    summaries = [ChunkSummary(Chunk(0, n + 1, len(part), "rows.csv", 0, 0), [], 0) for n, part in enumerate(parts)]
    return assign_splits([ChunkIndex(*pair, labels) for pair in zip(summaries, parts, strict=True)], data)


def splits_of(items: list[Item], data: DataOptions) -> dict[str, str | None]:
    """The split of each item by its id; None for a rejected one."""
    assignment = assign(items, data)
    names = [SPLITS[split] if split >= 0 else None for split in assignment.split]
    return dict(zip((item.id for item in items), names, strict=True))


def rejects_of(items: list[Item], data: DataOptions) -> dict[str, tuple[str, str]]:
    """For the id of each rejected item, the reason and the id of the item that it repeats."""
    assignment = assign(items, data)
    return {
        item.id: (DUPLICATE_REASONS[reason], items[other].id)
        for item, reason, other in zip(items, assignment.reason, assignment.original, strict=True)
        if reason != KEPT
    }


# So few groups and images that they often coincide.
items = st.lists(
    st.tuples(st.sampled_from([None, *"abcdef"]), st.sampled_from("0123456789"), st.sampled_from("xyz")), max_size=40
).map(lambda rows: [Item(str(n), pixels, text + str(n), group) for n, (group, pixels, text) in enumerate(rows)])
