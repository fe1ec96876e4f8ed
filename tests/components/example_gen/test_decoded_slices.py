"""Slices that are decoded by themselves: together they give the dataset that is ingested in one place."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

from diptych.components.artifact_types import DecodedSlice, Rejects
from diptych.components.catalogue import slices as slices_module
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.slices import Slice, plan_slices
from diptych.components.example_gen.account import IngestionError
from diptych.components.example_gen.decoded_slices import check_decoded_slices, decode_slice, read_decoded_slice
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.example_gen.executor import ImageTextExampleGenExecutor
from diptych.models.features import SPLITS
from tests.components.example_gen.test_ingestion import exec_properties, files_of
from tests.helpers import SMALL, as_file, noise, write_catalogue, write_image

ROWS = 60


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows, "ROWS_PER_CHUNK", 4)
        # Slices begin within chunks.
        patched.setattr(slices_module, "ROWS_PER_PIECE", 3)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataOptions:
    """Rows with duplicates far from each other, near duplicates, groups, and images that are broken or missing."""
    folder = tmp_path_factory.mktemp("catalogue")
    written = []
    for number in range(ROWS):
        # The last rows repeat the images of the first ones.
        write_image(folder / f"{number}.png", seed=number % 50)
        written.append(
            {
                "image": f"{number}.png",
                "description": f"text {number % 50}",
                "label": "dog" if number % 50 % 3 else "cat",
                "group": f"group {number // 2}",
            }
        )
    (folder / "7.png").write_bytes(as_file(noise(7))[:50])
    (folder / "41.png").unlink()
    splits = {"train": 0.5, "val": 0.25, "test": 0.25}
    return write_catalogue(folder, written, splits=splits, split_by="group", shards=2, processes=2)


def plan(data: DataOptions, count: int) -> list[Slice]:
    return plan_slices(Catalogue.open(data), count, 0)[1]


def decode(data: DataOptions, parts: Sequence[Slice], folder: Path) -> dict[int, Path]:
    """The folders of slices by their numbers, which are decoded in the order in which they are given."""
    folders = {part.number: folder / str(part.number) for part in parts}
    for part in parts:
        decode_slice(part, Catalogue.open(data), SMALL, str(folders[part.number]))
    return folders


def ingest(data: DataOptions, slices: Sequence[Path], folder: Path) -> dict[str, bytes]:
    """Runs the executor; returns the files of the Examples and the Rejects."""
    artifacts = [DecodedSlice() for _ in slices]
    for artifact, uri in zip(artifacts, slices, strict=True):
        artifact.uri = str(uri)
    examples, rejects = standard_artifacts.Examples(), Rejects()
    examples.uri, rejects.uri = str(folder / "examples"), str(folder / "rejects")
    context = BaseBeamExecutor.Context(beam_pipeline_args=[], tmp_dir=str(folder / "tmp"), unique_id="1")
    inputs = {"slices": artifacts} if slices else {}
    outputs = {"examples": [examples], "rejects": [rejects]}
    ImageTextExampleGenExecutor(context).Do(inputs, outputs, exec_properties(data))
    return files_of(folder)


@pytest.fixture(scope="module")
def in_one_place(data: DataOptions, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return ingest(data, [], tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("count", [1, 3, 16])
def test_any_number_of_slices_in_any_order_gives_the_same_files(
    data: DataOptions, in_one_place: dict[str, bytes], tmp_path: Path, count: int
) -> None:
    slices = plan(data, count)
    assert len(slices) == count
    shuffled = random.Random(count).sample(slices, len(slices))
    folders = decode(data, shuffled, tmp_path)
    collected = random.Random(-count).sample(sorted(folders.values()), len(folders))
    assert ingest(data, collected, tmp_path / "run") == in_one_place


def test_rows_reconcile_over_all_slices(data: DataOptions, in_one_place: dict[str, bytes], tmp_path: Path) -> None:
    slices = plan(data, 5)
    folders = decode(data, slices, tmp_path)
    sources = Catalogue.open(data).sources
    for part in slices:
        indexes = list(read_decoded_slice(str(folders[part.number]), sources))
        assert sum(index.summary.chunk.rows for index in indexes) == part.rows
    account = json.loads(in_one_place["rejects/account.json"])
    assert sum(part.rows for part in slices) == account["rows"] == ROWS
    assert account["rows"] == sum(account["examples"].values()) + sum(account["rejects"].values())
    assert account["rejects"] == {"duplicate": 9, "missing_file": 1, "truncated": 1}
    assert set(account["examples"]) == set(SPLITS)


def test_another_attempt_writes_the_same_files(
    data: DataOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one in which each row of a batch has to be decoded by itself, as after a crash."""
    part = plan(data, 3)[1]
    decode_slice(part, Catalogue.open(data), SMALL, str(tmp_path / "first"))

    def each_alone(pool: Any, batch: Any, future: Any) -> list[Any]:
        future.result()
        return [pool._process_alone(place, batch) for place in range(len(batch.rows))]

    monkeypatch.setattr(DecoderPool, "_collect", each_alone)
    decode_slice(part, Catalogue.open(data), SMALL, str(tmp_path / "second"))
    assert files_of(tmp_path / "first") == files_of(tmp_path / "second")


def test_a_slice_is_read_where_it_was_copied_to(
    data: DataOptions, in_one_place: dict[str, bytes], tmp_path: Path
) -> None:
    moved = []
    for folder in decode(data, plan(data, 2), tmp_path / "there").values():
        moved.append(tmp_path / "here" / folder.name)
        shutil.move(folder, moved[-1])
    assert ingest(data, moved, tmp_path / "run") == in_one_place


def test_a_slice_that_was_not_decoded_to_its_end_counts_for_nothing(data: DataOptions, tmp_path: Path) -> None:
    slices = plan(data, 3)
    folders = decode(data, slices, tmp_path)
    (folders[2] / "slice.json").unlink()
    with pytest.raises(IngestionError, match="is no decoded slice: it lacks slice.json"):
        check_decoded_slices([str(folder) for folder in folders.values()], slices)


def test_a_missing_a_foreign_and_a_doubled_slice_are_told(data: DataOptions, tmp_path: Path) -> None:
    slices = plan(data, 3)
    folders = [str(folder) for folder in decode(data, slices, tmp_path).values()]
    check_decoded_slices(folders[::-1], slices)
    with pytest.raises(
        IngestionError, match=r"slice 3 of 3 \(20 rows from row 41 of 'catalogue.csv' on\) was not decoded"
    ):
        check_decoded_slices(folders[:2], slices)
    with pytest.raises(IngestionError, match=r"slice 1 of 2 .* was not decoded"):
        check_decoded_slices(folders, plan(data, 2))
    with pytest.raises(IngestionError, match="4 slices were decoded where the catalogue has 3"):
        check_decoded_slices([*folders, folders[0]], slices)


def test_a_row_that_is_unaccounted_for_is_told(data: DataOptions, tmp_path: Path) -> None:
    (part,) = plan(data, 1)
    decode(data, [part], tmp_path)
    chunks = tmp_path / "1" / "chunks.jsonl"
    chunks.write_bytes(b"".join(chunks.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(IngestionError, match=r"slice 1 of 1 .*: what was decoded has 56 rows"):
        list(read_decoded_slice(str(tmp_path / "1"), Catalogue.open(data).sources))


def test_a_slice_that_cannot_be_decoded_leaves_no_slice_file(data: DataOptions, tmp_path: Path) -> None:
    part = plan(data, 3)[2]
    shorter = write_catalogue(tmp_path, [{"image": "0.png", "description": "t", "label": "cat", "group": "g"}])
    with pytest.raises(CatalogueError, match="slice 3 of 3"):
        decode_slice(part, Catalogue.open(shorter), SMALL, str(tmp_path / "slice"))
    assert not (tmp_path / "slice" / "slice.json").exists()
