"""Slices of a catalogue: consecutive chunks that one machine decodes, each with a digest of all that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Any, NamedTuple

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.fingerprint import digest_all, digest_chunk
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk
from diptych.models.counts import pluralize
from diptych.models.scratch_folders import scratch_folder


@dataclass(frozen=True)
class Slice:
    """Consecutive rows of a catalogue, in whole chunks. They may go on into further sources.

    Where it ends is told by its number of rows: whoever decodes it cuts the sources again, which gives the same chunks.

    Attributes:
        number: from 1.
        count: number of slices of the catalogue.
        source: name of the source in which it begins, from the catalogue's folder on.
        source_index: place of that source among the catalogue's sources.
        first_row: number of its first row in that source, from 1.
        rows: number of its rows.
        digest: SHA-256, in hexadecimal, of its rows and their images.
    """

    number: int
    count: int
    source: str
    source_index: int
    first_row: int
    rows: int
    digest: str

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Slice:
        """The slice that ``dataclasses.asdict`` made a JSON object of; whole numbers may have become floats."""
        values: dict[str, Any] = {k: int(value) if isinstance(value, float) else value for k, value in fields.items()}
        return cls(**values)

    def __str__(self) -> str:
        rows = f"{pluralize(self.rows, 'row')} from row {self.first_row:,} of '{self.source}' on"
        return f"slice {self.number} of {self.count} ({rows})"


class _DigestedChunk(NamedTuple):
    """What is remembered of a chunk until the number of all rows is known."""

    source_index: int
    first_row: int
    rows: int
    digest: bytes


def plan_slices(catalogue: Catalogue, count: int, from_rows: int) -> tuple[str, list[Slice]]:
    """Cuts a catalogue into slices of about equally many rows.

    The catalogue is read once. Nothing of it is kept but a digest of each chunk.

    Args:
        count: number of slices; there are fewer if there are fewer chunks.
        from_rows: with fewer rows, there is one slice.

    Returns:
        A digest of the whole catalogue, whatever its slices, and the slices.

    Raises:
        CatalogueError: the catalogue cannot be read, has no row, or declares splits but no train.
    """
    catalogue.check_splits()
    with scratch_folder() as folder:
        chunks = [
            _DigestedChunk(chunk.source_index, chunk.first_row, chunk.rows, digest_chunk(catalogue, chunk))
            for chunk in catalogue.chunks(folder)
        ]
    total = sum(chunk.rows for chunk in chunks)
    if not total:
        raise CatalogueError(f"data.catalogue: '{catalogue.data.catalogue}' has no row")
    parts = list(_share_out(chunks, count if total >= from_rows else 1, total))
    slices = [_make_slice(catalogue, number, len(parts), part) for number, part in enumerate(parts, start=1)]
    return digest_all(catalogue, (chunk.digest for chunk in chunks)), slices


def slice_chunks(catalogue: Catalogue, part: Slice, folder: str) -> Iterator[Chunk]:
    """The chunks of a slice, in order.

    Args:
        folder: as for ``Catalogue.source_chunks``.

    Raises:
        CatalogueError: a source cannot be read, or is no longer what it was when the slices were cut.
    """
    left = part.rows
    for chunk in _chunks_from(catalogue, part, folder):
        left -= chunk.rows
        if left < 0:
            break
        yield chunk
        if not left:
            return
    raise CatalogueError(f"data.catalogue: {part} is no longer there: the catalogue changed during the run; run again")


def _chunks_from(catalogue: Catalogue, part: Slice, folder: str) -> Iterator[Chunk]:
    """The chunks of the catalogue from the first one of a slice on."""
    for index in range(part.source_index, len(catalogue.sources)):
        for chunk in catalogue.source_chunks(index, folder):
            if index > part.source_index or chunk.first_row >= part.first_row:
                yield chunk


def _share_out(chunks: Sequence[_DigestedChunk], count: int, total: int) -> Iterator[list[_DigestedChunk]]:
    """Parts of consecutive chunks, at most ``count``, none of which is empty.

    Args:
        total: number of rows of all chunks.
    """
    before, numbers = 0, []
    for chunk in chunks:
        # By its middle: a part has at most one chunk more than its share.
        numbers.append((2 * before + chunk.rows) * count // (2 * total))
        before += chunk.rows
    for _, pairs in groupby(zip(numbers, chunks, strict=True), key=lambda pair: pair[0]):
        yield [chunk for _, chunk in pairs]


def _make_slice(catalogue: Catalogue, number: int, count: int, chunks: Sequence[_DigestedChunk]) -> Slice:
    first = chunks[0]
    return Slice(
        number=number,
        count=count,
        source=catalogue.source_name(catalogue.sources[first.source_index]),
        source_index=first.source_index,
        first_row=first.first_row,
        rows=sum(chunk.rows for chunk in chunks),
        digest=sha256(b"".join(chunk.digest for chunk in chunks)).hexdigest(),
    )
