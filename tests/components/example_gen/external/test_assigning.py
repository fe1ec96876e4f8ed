"""What is decided with files is what is decided in memory, for any records, blocks and settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk
from diptych.components.example_gen.assignment import assign_splits
from diptych.components.example_gen.external.assigning import decide
from diptych.components.example_gen.external.blocks import plan_blocks
from diptych.components.example_gen.external.stages import ScratchError
from diptych.components.example_gen.index_files import keep_index
from diptych.components.example_gen.record_index import NO_SPLIT, ChunkIndex, ChunkSummary, digest_texts
from tests.components.example_gen.external.in_process import InProcessRunner, in_process_runner
from tests.components.example_gen.items import Item, entries_of, options

# So few values that they often coincide; hashes of which many are near each other.
LABELS = [("cat",), ("dog",), ("cat", "dog"), ("eel", "fox"), ("dog", "eel")]
HASHES = [0, 1, 3, 7, 15, 31, 255, -1, -2, 1 << 40, 5 << 40]


def records(splits: st.SearchStrategy[int]) -> st.SearchStrategy[list[Item]]:
    numbers = st.integers(0, 15).map(str)
    row = st.builds(
        Item,
        id=numbers,
        pixels=numbers,
        text=st.sampled_from("xy"),
        group=st.sampled_from([None, None, *"abcdef"]),
        labels=st.sampled_from(LABELS),
        phash=st.sampled_from(HASHES),
        split=splits,
    )
    return st.lists(row, min_size=1, max_size=50)


undeclared, declared = records(st.just(NO_SPLIT)), records(st.sampled_from([0, 0, 0, 1, 2, NO_SPLIT]))
policies = st.sampled_from(["keep", "together", "drop"])
duplicates = st.fixed_dictionaries({"exact": policies, "near": policies, "distance": st.integers(0, 3)})


@dataclass(frozen=True)
class Cut:
    """How records are parted: into so many chunks, and blocks of at most so many records."""

    chunks: int
    block: int


cuts = st.builds(Cut, st.integers(1, 8), st.integers(1, 30))


def chunk_indexes(items: list[Item], chunks: int) -> list[ChunkIndex]:
    labels = {digest_texts(*item.labels): item.labels for item in items}
    return [
        ChunkIndex(ChunkSummary(Chunk(0, number + 1, len(part), "rows.csv", 0, 0), [], 0), part, labels)
        for number, part in enumerate(np.array_split(entries_of(items), chunks))
    ]


def decide_with_files(indexes: list[ChunkIndex], data: DataOptions, block: int, runner: InProcessRunner) -> list[Any]:
    """Reason, original and split of each record."""
    files = [keep_index(index, str(Path(runner.folder, "index"))) for index in indexes]
    blocks, gather = plan_blocks(files, data, runner.folder, block)
    runner.add(gather)
    splits = decide(blocks, runner)
    runner.run()
    found = [(*splits.decisions.reasons(number), splits.of(number)) for number in range(blocks.count)]
    return [np.concatenate(columns).tolist() for columns in zip(*found, strict=True)]


def check_the_same(items: list[Item], data: DataOptions, cut: Cut) -> None:
    indexes = chunk_indexes(items, cut.chunks)
    with in_process_runner() as runner:
        try:
            expected = assign_splits(indexes, data)
        except CatalogueError as error:
            with pytest.raises(CatalogueError) as other:
                decide_with_files(indexes, data, cut.block, runner)
            assert str(other.value) == str(error)
            return
        found = decide_with_files(indexes, data, cut.block, runner)
    assert found == [expected.reason.tolist(), expected.original.tolist(), expected.split.tolist()]


@settings(max_examples=30)
@given(undeclared, duplicates, st.booleans(), st.booleans(), cuts)
def test_records_without_declared_splits(
    items: list[Item], given_duplicates: dict[str, Any], stratify: bool, has_ids: bool, cut: Cut
) -> None:
    columns = {"id": "id"} if has_ids else {}
    check_the_same(items, options(duplicates=given_duplicates, stratify=stratify, columns=columns), cut)


@settings(max_examples=30)
@given(declared, duplicates, st.booleans(), st.sampled_from(["report", "move", "drop"]), cuts)
def test_records_with_declared_splits(
    items: list[Item], given_duplicates: dict[str, Any], stratify: bool, straddling: str, cut: Cut
) -> None:
    data = options(duplicates=given_duplicates, stratify=stratify, straddling=straddling, split_by="group")
    check_the_same(items, data, cut)


@pytest.mark.parametrize("labels", [1, 3, 400])
def test_strata_of_many_blocks_are_parted_at_the_same_place(labels: int) -> None:
    """A stratum fills many partitions, or many strata one partition."""
    items = [
        Item(str(n), str(n), group=str(n // 3) if n % 5 else None, labels=(f"label {n % labels}",))
        for n in range(1_200)
    ]
    check_the_same(items, options(stratify=True, splits={"train": 0.5, "val": 0.3, "test": 0.2}), Cut(12, 100))


def test_more_space_than_allowed_is_refused() -> None:
    indexes = chunk_indexes([Item(str(n), str(n)) for n in range(50)], 2)
    with in_process_runner() as runner:
        limited = InProcessRunner(runner.folder, max_bytes=3_000)
        with pytest.raises(ScratchError) as error:
            decide_with_files(indexes, options(), 10, limited)
    assert error.value.taken > 3_000
