"""The index of records: what is remembered of each record in order to find its duplicates, its split and its shard."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.readers.rows import Chunk, Row, SourceFile
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import Record, RecordOptions, build_record
from diptych.components.catalogue.storage import write_stream
from diptych.models import features
from diptych.models.tfrecord_framing import frame_record

#: NumPy's type of a digest: the first 128 bits of a SHA-256. The probability that any two of a billion different values
#: have the same digest is 2 ** -69.
DIGEST_DTYPE = "S16"
#: One entry of the index.
ENTRY_DTYPE = np.dtype(
    [
        ("row", "u4"),  # number in its source, from 1
        ("bytes", "u4"),  # of the record in its TFRecord file
        ("id", DIGEST_DTYPE),
        ("pixels", DIGEST_DTYPE),  # image/sha256, whatever size the pixels are stored at
        ("phash", "i8"),
        ("content", DIGEST_DTYPE),  # of pixels, description and labels
        ("group", DIGEST_DTYPE),  # empty without a group
        ("labels", DIGEST_DTYPE),
        ("split", "i1"),  # the declared split as a place in SPLITS, or NO_SPLIT
    ]
)
#: An array of ``ENTRY_DTYPE``, one entry for each record.
IndexEntries = NDArray[np.void]

NO_SPLIT = -1


@dataclass(frozen=True)
class IndexedRecord:
    """A record that a row became, without its features.

    Attributes:
        row: number of the row in its source, from 1.
        id: the row's id.
        image: the path or name of the image, as the row gives it.
        labels: the row's labels, sorted.
        file: URI of the TFRecord file that holds the record; empty if it was not written.
        entry: its entry of the index, in the order of ``ENTRY_DTYPE``.
    """

    row: int
    id: str
    image: str
    labels: tuple[str, ...]
    file: str
    entry: tuple[Any, ...]


@dataclass(frozen=True)
class MeasuredRecord(IndexedRecord):
    """A record with its features but the image; see ``diptych.models.features``."""

    values: Mapping[str, Any]


#: What a row becomes.
RowResult = IndexedRecord | Reject


@dataclass(frozen=True)
class ChunkSummary:
    """What a chunk's rows became.

    Attributes:
        files: URIs of the files that hold the chunk's records, in order, each with its number of records.
        rejects: number of rows that became no record.
        results: URI of the file with a line for each row, see ``result_as_json``; empty if none was written.
    """

    chunk: Chunk
    files: Sequence[tuple[str, int]]
    rejects: int
    results: str = ""


@dataclass(frozen=True)
class ChunkIndex:
    """The index of one chunk's records, in order.

    Attributes:
        labels: the sets of labels that occur, by their digest.
    """

    summary: ChunkSummary
    entries: IndexEntries
    labels: Mapping[bytes, tuple[str, ...]]


class ChunkIndexBuilder:
    """Collects the records of one chunk."""

    def __init__(self, chunk: Chunk, results: str = "") -> None:
        self._chunk, self._results = chunk, results
        self._entries: list[tuple[Any, ...]] = []
        self._files: Counter[str] = Counter()
        self._labels: set[tuple[str, ...]] = set()

    def add(self, record: IndexedRecord) -> None:
        """Adds the next record of the chunk."""
        self._files[record.file] += 1
        self._labels.add(record.labels)
        self._entries.append(record.entry)

    def build(self) -> ChunkIndex:
        """The index of the records that were added; all other rows of the chunk count as rejects."""
        entries = np.array(self._entries, ENTRY_DTYPE)
        rejects = self._chunk.rows - len(entries)
        summary = ChunkSummary(self._chunk, list(self._files.items()), rejects, self._results)
        return ChunkIndex(summary, entries, {digest_texts(*labels): labels for labels in self._labels})


def write_records(rows: Sequence[Row], source: SourceFile, options: RecordOptions, file: str) -> list[RowResult]:
    """Makes records of rows and writes them to an uncompressed TFRecord file; returns what each row became, in order.

    The process that decodes also writes: handing pixels to another process would cost as much as measuring them.

    Args:
        file: URI of the TFRecord file.
    """
    records = [build_record(row, source, options) for row in rows]
    with write_stream(file) as stream:
        return [one if isinstance(one, Reject) else _write(one, stream, file) for one in records]


def index_records(
    rows: Sequence[Row], source: SourceFile, options: RecordOptions, _: str
) -> list[MeasuredRecord | Reject]:
    """As ``write_records``, but writes nothing: the records are returned as ``MeasuredRecord``."""
    records = (build_record(row, source, options) for row in rows)
    return [one if isinstance(one, Reject) else _measure(one) for one in records]


def digest_texts(*texts: str) -> bytes:
    """128 bits of the SHA-256 of some texts; ``digest_texts("a", "b")`` is not ``digest_texts("ab")``."""
    whole = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        whole.update(len(encoded).to_bytes(8, "big"))
        whole.update(encoded)
    return whole.digest()[:16]


def _write(record: Record, stream: BinaryIO, file: str) -> IndexedRecord:
    framed = frame_record(features.encode_record(record.values))
    stream.write(framed)
    return _index(record, file, len(framed))


def _measure(record: Record) -> MeasuredRecord:
    values = {name: value for name, value in record.values.items() if name != features.IMAGE}
    return MeasuredRecord(**vars(_index(record, "", 0)), values=values)


def _index(record: Record, file: str, size: int) -> IndexedRecord:
    labels = record.values[features.LABEL]
    return IndexedRecord(record.row, record.id, record.image, labels, file, _entry(record, size))


def _entry(record: Record, size: int) -> tuple[Any, ...]:
    values = record.values
    pixels, labels, group = values[features.SHA256], values[features.LABEL], values[features.GROUP]
    return (
        record.row,
        size,
        digest_texts(values[features.ID]),
        bytes.fromhex(pixels)[:16],
        values[features.PHASH],
        digest_texts(pixels, values[features.DESCRIPTION] or "", *labels),
        digest_texts(group) if group else b"",
        digest_texts(*labels),
        features.SPLITS.index(record.split) if record.split else NO_SPLIT,
    )
