"""Slices of a catalogue: they hold each row once, and a change is seen in the digest of one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.components.catalogue import slices as slices_module
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.slices import Slice, plan_slices, slice_chunks
from tests.helpers import write_catalogue, write_image

ROWS = 40


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Two files of 28 and 12 rows, which are read in chunks of 4 rows; images are small."""
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 4)
    for number in range(ROWS):
        write_image(tmp_path / f"{number}.png", seed=number)
    written = [
        {"image": f"{number}.png", "description": f"text {number}", "label": "cat" if number % 2 else "dog"}
        for number in range(ROWS)
    ]
    second = write_catalogue(tmp_path, written[28:])
    Path(second.catalogue).rename(tmp_path / "other.csv")
    data = write_catalogue(tmp_path, written[:28])
    return Catalogue.open(data.model_copy(update={"catalogue": f"{tmp_path}/*.csv"}))


def plan(catalogue: Catalogue, count: int, from_rows: int = 0) -> list[Slice]:
    return plan_slices(catalogue, count, from_rows)[1]


def rows_of(catalogue: Catalogue, part: Slice, folder: Path) -> list[tuple[str, int]]:
    """Source and number of each row of a slice; the chunks must say where they begin and how many rows they have."""
    found = []
    for chunk, some in slice_chunks(catalogue, part, str(folder)):
        numbers = [row.number for row in some]
        assert (numbers[0], len(numbers)) == (chunk.first_row, chunk.rows)
        found += [(chunk.source, number) for number in numbers]
    return found


@pytest.mark.parametrize("rows_per_piece", [1, 3, 512])
@pytest.mark.parametrize("count", [1, 3, 7, 16])
def test_the_slices_hold_each_row_once_and_in_order(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, rows_per_piece: int
) -> None:
    """Whether or not slices begin within the reader's own chunks."""
    monkeypatch.setattr(slices_module, "ROWS_PER_PIECE", rows_per_piece)
    slices = plan(catalogue, count)
    assert [row for part in slices for row in rows_of(catalogue, part, tmp_path)] == [
        (source, row.number) for source, row in catalogue.rows()
    ]
    assert [part.number for part in slices] == list(range(1, len(slices) + 1))
    assert {part.count for part in slices} == {len(slices)}
    # There are ten chunks of four rows.
    assert len(slices) == (min(count, 10) if rows_per_piece > 4 else count)
    assert max(part.rows for part in slices) <= ROWS / len(slices) + min(rows_per_piece, 4)


def test_rows_of_several_images_are_parted_at_the_chunks_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have the number of the row that they were made of."""
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 4)
    monkeypatch.setattr(slices_module, "ROWS_PER_PIECE", 1)
    written = [{"image": f"{number}a.png;{number}b.png", "description": "t", "label": "c"} for number in range(12)]
    data = write_catalogue(tmp_path, written, paths={"separator": ";", "several": "all"})
    catalogue = Catalogue.open(data)
    slices = plan(catalogue, 16)
    assert [part.rows for part in slices] == [8, 8, 8]
    found = [row for part in slices for _, some in slice_chunks(catalogue, part, str(tmp_path)) for row in some]
    assert found == [row for _, row in catalogue.rows()]


def test_few_rows_are_one_slice(catalogue: Catalogue) -> None:
    assert len(plan(catalogue, 5, ROWS + 1)) == 1
    assert len(plan(catalogue, 5, ROWS)) == 5


def test_the_digest_of_the_whole_does_not_depend_on_its_slices(catalogue: Catalogue) -> None:
    assert len({plan_slices(catalogue, count, 0)[0] for count in (1, 3, 16)}) == 1


def test_a_changed_image_is_seen_in_one_slice_and_in_the_whole(catalogue: Catalogue, tmp_path: Path) -> None:
    before, slices = plan_slices(catalogue, 5, 0)
    assert (before, slices) == plan_slices(catalogue, 5, 0)
    write_image(tmp_path / "30.png", seed=99)
    after, changed = plan_slices(catalogue, 5, 0)
    assert before != after
    assert [part.number for part, other in zip(slices, changed, strict=True) if part != other] == [4]


def test_a_longer_text_changes_no_other_slice(catalogue: Catalogue, tmp_path: Path) -> None:
    slices = plan(catalogue, 5)
    path = tmp_path / "catalogue.csv"
    path.write_bytes(path.read_bytes().replace(b"text 0", b"a text that is much longer than it was"))
    changed = plan(catalogue, 5)
    assert changed[0] != slices[0]
    assert changed[1:] == slices[1:]


def test_a_catalogue_that_changed_meanwhile_is_told(catalogue: Catalogue, tmp_path: Path) -> None:
    last = plan(catalogue, 5)[-1]
    path = tmp_path / "other.csv"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(CatalogueError, match=r"slice 5 of 5 \(8 rows from row 5 of 'other.csv' on\) .* changed"):
        rows_of(catalogue, last, tmp_path)


def test_a_catalogue_without_rows_has_no_slice(tmp_path: Path) -> None:
    data = write_catalogue(tmp_path, [{"image": "a.png", "description": "t", "label": "c"}])
    Path(data.catalogue).write_text("image,description,label\n")
    with pytest.raises(CatalogueError, match="has no row"):
        plan(Catalogue.open(data), 3)
