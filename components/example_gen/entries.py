"""Records as they are written, and what is remembered of each: enough to find duplicates and to choose its place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.example_gen.catalogues.rows import Chunk, Row
from components.example_gen.reasons import Reject
from components.example_gen.records import Recipe, Record, Source, build_record
from models import features
from models.framing import frame

#: Texts and pixels stand here as the first 128 bits of their SHA-256; two of a billion rows collide with
#: probability 2 ** -69.
DIGEST = "S16"
ENTRY = np.dtype(
    [
        ("row", "u4"),
        ("bytes", "u4"),  # of the record in its TFRecord file
        ("id", DIGEST),
        ("pixels", DIGEST),
        ("phash", "i8"),
        ("content", DIGEST),  # pixels, description and label
        ("group", DIGEST),  # empty without a group
        ("label", DIGEST),
        ("split", "i1"),  # the declared one; -1 without
    ]
)
Entries = NDArray[np.void]

UNDECLARED = -1


@dataclass(frozen=True)
class Table:
    """The entries of one chunk's records, in order.

    Attributes:
        labels: digest to name of the labels that occur.
        rejects: number of the chunk's rows that became no record.
    """

    chunk: Chunk
    entries: Entries
    labels: Mapping[bytes, str]
    rejects: int


def digest(*texts: str) -> bytes:
    """128 bits of the SHA-256 of some texts; ``digest("a", "b")`` is not ``digest("ab")``."""
    whole = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        whole.update(len(encoded).to_bytes(8, "big"))
        whole.update(encoded)
    return whole.digest()[:16]


@dataclass(frozen=True)
class Stored:
    """A record as it is written.

    Attributes:
        frame: its bytes as they stand in a TFRecord file.
        entry: what is remembered of it; see ``ENTRY``.
    """

    row: int
    id: str
    image: str
    label: str
    frame: bytes
    entry: tuple[Any, ...]


def store_rows(rows: Sequence[Row], source: Source, recipe: Recipe) -> list[Stored | Reject]:
    """What is written of some rows, or why they become no record; in their order."""
    built = (build_record(row, source, recipe) for row in rows)
    return [one if isinstance(one, Reject) else store(one) for one in built]


def store(record: Record) -> Stored:
    """Serialises a record."""
    framed = frame(features.encode_record(record.values))
    label = record.values[features.LABEL]
    return Stored(record.row, record.id, record.image, label, framed, _entry(record, len(framed)))


def _entry(record: Record, size: int) -> tuple[Any, ...]:
    values = record.values
    pixels, label, group = values[features.SHA256], values[features.LABEL], values[features.GROUP]
    return (
        record.row,
        size,
        digest(values[features.ID]),
        bytes.fromhex(pixels)[:16],
        values[features.PHASH],
        digest(pixels, values[features.DESCRIPTION], label),
        digest(group) if group else b"",
        digest(label),
        features.SPLITS.index(record.split) if record.split else UNDECLARED,
    )


class TableBuilder:
    """Gathers the entries of one chunk's records."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._entries: list[tuple[Any, ...]] = []
        self._labels: set[str] = set()

    def add(self, stored: Stored) -> None:
        """Adds the next record."""
        self._labels.add(stored.label)
        self._entries.append(stored.entry)

    def table(self) -> Table:
        """The table of what was added."""
        entries = np.array(self._entries, ENTRY)
        labels = {digest(label): label for label in self._labels}
        return Table(self._chunk, entries, labels, self._chunk.rows - len(entries))
