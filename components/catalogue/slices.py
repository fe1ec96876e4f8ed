"""Slices of a catalogue: consecutive rows that one machine decodes, each with a digest of all that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby, islice
from typing import Any, NamedTuple

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.fingerprint import digest_all, digest_rows
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk, Row
from diptych.models.counts import pluralize
from diptych.models.scratch_folders import scratch_folder

#: Rows of the pieces that slices consist of: so few that 16 pods have about equal shares of 100,000 rows, so many that
#: what is kept of each is nothing beside the catalogue.
ROWS_PER_PIECE = 512


@dataclass(frozen=True)
class Slice:
    """Consecutive rows of a catalogue. They may go on into further sources.

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


class _Piece(NamedTuple):
    """What is remembered of some consecutive rows until the number of all rows is known."""

    source_index: int
    first_row: int
    rows: int
    digest: bytes


def plan_slices(catalogue: Catalogue, count: int, from_rows: int) -> tuple[str, list[Slice]]:
    """Cuts a catalogue into slices of about equally many rows.

    The catalogue is read once. Nothing of it is kept but a digest of every few hundred rows.

    Args:
        count: number of slices; there are fewer of fewer than ``ROWS_PER_PIECE`` rows each.
        from_rows: with fewer rows, there is one slice.

    Returns:
        A digest of the whole catalogue, whatever its slices, and the slices.

    Raises:
        CatalogueError: the catalogue cannot be read, has no row, or declares splits but no train.
    """
    catalogue.check_splits()
    with scratch_folder() as folder:
        pieces = [piece for chunk in catalogue.chunks(folder) for piece in _digest_pieces(catalogue, chunk)]
    total = sum(piece.rows for piece in pieces)
    if not total:
        raise CatalogueError(f"data.catalogue: '{catalogue.data.catalogue}' has no row")
    parts = list(_share_out(pieces, count if total >= from_rows else 1, total))
    slices = [_make_slice(catalogue, number, len(parts), part) for number, part in enumerate(parts, start=1)]
    return digest_all(catalogue, (piece.digest for piece in pieces)), slices


def slice_chunks(catalogue: Catalogue, part: Slice, folder: str) -> Iterator[tuple[Chunk, Iterator[Row]]]:
    """The chunks of a slice, in order, each with its rows; the first and the last are parts of the catalogue's own.

    Args:
        folder: as for ``Catalogue.source_chunks``.

    Raises:
        CatalogueError: a source cannot be read, or is no longer what it was when the slices were cut.
    """
    left = part.rows
    for chunk in _chunks_from(catalogue, part, folder):
        skipped = (
            part.first_row - chunk.first_row if (chunk.source_index, left) == (part.source_index, part.rows) else 0
        )
        rows = min(chunk.rows - skipped, left) if chunk.source_rows is None else chunk.rows
        left -= rows
        if left < 0:
            break
        # Read to its end, a chunk tells whether it has more rows than were counted.
        stop = skipped + rows if skipped + rows < chunk.rows else None
        yield (
            replace(chunk, first_row=chunk.first_row + skipped, rows=rows),
            islice(catalogue.read(chunk), skipped, stop),
        )
        if not left:
            return
    raise CatalogueError(f"data.catalogue: {part} is no longer there: the catalogue changed during the run; run again")


def _chunks_from(catalogue: Catalogue, part: Slice, folder: str) -> Iterator[Chunk]:
    """The chunks of the catalogue from the one on that has the first row of a slice."""
    for index in range(part.source_index, len(catalogue.sources)):
        for chunk in catalogue.source_chunks(index, folder):
            if index > part.source_index or _end(chunk) > part.first_row:
                yield chunk


def _end(chunk: Chunk) -> int:
    """The number that the row after a chunk has in its source."""
    return chunk.first_row + (chunk.rows if chunk.source_rows is None else chunk.source_rows)


def _digest_pieces(catalogue: Catalogue, chunk: Chunk) -> Iterator[_Piece]:
    """The pieces that a chunk may be parted in.

    Where several images of a row make rows of their own, rows have no numbers by which a chunk could be parted.
    """
    rows, most = catalogue.read(chunk), ROWS_PER_PIECE if chunk.source_rows is None else chunk.rows
    for start in range(0, chunk.rows, most):
        count = min(most, chunk.rows - start)
        # The last one reads the chunk to its end, where it tells whether it has more rows than were counted.
        some = islice(rows, count if start + count < chunk.rows else None)
        digest = digest_rows(catalogue, chunk.source, some)
        yield _Piece(chunk.source_index, chunk.first_row + start, count, digest)


def _share_out(pieces: Sequence[_Piece], count: int, total: int) -> Iterator[list[_Piece]]:
    """Parts of consecutive pieces, at most ``count``, none of which is empty.

    Args:
        total: number of rows of all pieces.
    """
    before, numbers = 0, []
    for piece in pieces:
        # By its middle: a part has at most one piece more than its share.
        numbers.append((2 * before + piece.rows) * count // (2 * total))
        before += piece.rows
    for _, pairs in groupby(zip(numbers, pieces, strict=True), key=lambda pair: pair[0]):
        yield [piece for _, piece in pairs]


def _make_slice(catalogue: Catalogue, number: int, count: int, pieces: Sequence[_Piece]) -> Slice:
    first = pieces[0]
    return Slice(
        number=number,
        count=count,
        source=catalogue.source_name(catalogue.sources[first.source_index]),
        source_index=first.source_index,
        first_row=first.first_row,
        rows=sum(piece.rows for piece in pieces),
        digest=sha256(b"".join(piece.digest for piece in pieces)).hexdigest(),
    )
