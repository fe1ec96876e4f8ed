"""Records as they are written, and what is remembered of each: enough to find duplicates and to choose its place."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.readers.rows import Chunk, Row
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import Recipe, Record, Source, build_record
from diptych.components.catalogue.storage import write_stream
from diptych.models import features
from diptych.models.tfrecord_framing import frame_record

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
        ("content", DIGEST),  # pixels, description and labels
        ("group", DIGEST),  # empty without a group
        ("labels", DIGEST),
        ("split", "i1"),  # the declared one; -1 without
    ]
)
Entries = NDArray[np.void]

UNDECLARED = -1


@dataclass(frozen=True)
class Table:
    """The entries of one chunk's records, in order.

    Attributes:
        files: URIs of the files that hold the records, one after the other, and how many each holds.
        labels: digest to names of the sets of labels that rows have.
        rejects: number of the chunk's rows that became no record.
    """

    chunk: Chunk
    entries: Entries
    files: Sequence[tuple[str, int]]
    labels: Mapping[bytes, tuple[str, ...]]
    rejects: int


def digest(*texts: str) -> bytes:
    """128 bits of the SHA-256 of some texts; ``digest("a", "b")`` is not ``digest("ab")``."""
    whole = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        whole.update(len(encoded).to_bytes(8, "big"))
        whole.update(encoded)
    return whole.digest()[:16]


def labels_by_digest(parts: Iterable[Mapping[bytes, tuple[str, ...]]]) -> dict[bytes, tuple[str, ...]]:
    """The ``labels`` of many tables; digests as NumPy gives them back, without the zero bytes one may end with."""
    return {key.rstrip(b"\0"): labels for part in parts for key, labels in part.items()}


@dataclass(frozen=True)
class Stored:
    """What is told of a record that has been written.

    Attributes:
        file: URI of the file that holds it.
        entry: what is remembered of it; see ``ENTRY``.
    """

    row: int
    id: str
    image: str
    labels: tuple[str, ...]
    file: str
    entry: tuple[Any, ...]


def store_rows(rows: Sequence[Row], source: Source, recipe: Recipe, file: str) -> list[Stored | Reject]:
    """Writes the records of some rows to an uncompressed TFRecord file; tells of each row what it became, in order.

    Written here and not by whoever asks, for handing pixels from process to process costs as much as measuring them.
    """
    built = [build_record(row, source, recipe) for row in rows]
    with write_stream(file) as stream:
        return [one if isinstance(one, Reject) else _store(one, stream, file) for one in built]


def _store(record: Record, stream: BinaryIO, file: str) -> Stored:
    framed = frame_record(features.encode_record(record.values))
    stream.write(framed)
    return _told(record, file, len(framed))


def judge_rows(rows: Sequence[Row], source: Source, recipe: Recipe, _: str) -> list[Stored | Reject]:
    """What ``store_rows`` would tell, without writing anything."""
    built = (build_record(row, source, recipe) for row in rows)
    return [one if isinstance(one, Reject) else _told(one, "", 0) for one in built]


def _told(record: Record, file: str, size: int) -> Stored:
    labels = record.values[features.LABEL]
    return Stored(record.row, record.id, record.image, labels, file, _entry(record, size))


def _entry(record: Record, size: int) -> tuple[Any, ...]:
    values = record.values
    pixels, labels, group = values[features.SHA256], values[features.LABEL], values[features.GROUP]
    return (
        record.row,
        size,
        digest(values[features.ID]),
        bytes.fromhex(pixels)[:16],
        values[features.PHASH],
        digest(pixels, values[features.DESCRIPTION], *labels),
        digest(group) if group else b"",
        digest(*labels),
        features.SPLITS.index(record.split) if record.split else UNDECLARED,
    )


class TableBuilder:
    """Gathers the entries of one chunk's records."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._entries: list[tuple[Any, ...]] = []
        self._files: Counter[str] = Counter()
        self._labels: set[tuple[str, ...]] = set()

    def add(self, stored: Stored) -> None:
        """Adds the next record."""
        self._files[stored.file] += 1
        self._labels.add(stored.labels)
        self._entries.append(stored.entry)

    def table(self) -> Table:
        """The table of what was added."""
        entries = np.array(self._entries, ENTRY)
        labels = {digest(*labels): labels for labels in self._labels}
        return Table(self._chunk, entries, list(self._files.items()), labels, self._chunk.rows - len(entries))
