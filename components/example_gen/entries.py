"""What is remembered of each stored record: a few bytes, enough to find duplicates and to choose splits and shards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.example_gen.catalogues.rows import Chunk
from components.example_gen.records import Record
from models import features

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


class TableBuilder:
    """Gathers the entries of one chunk's records."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._entries: list[tuple[Any, ...]] = []
        self._labels: dict[bytes, str] = {}

    def add(self, record: Record, size: int) -> None:
        """Adds the next record.

        Args:
            size: of the record in its TFRecord file, in bytes.
        """
        label = record.values[features.LABEL]
        self._labels[digest(label)] = label
        self._entries.append(_entry(record, size))

    def table(self) -> Table:
        """The table of what was added."""
        entries = np.array(self._entries, ENTRY)
        return Table(self._chunk, entries, self._labels, self._chunk.rows - len(entries))


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
