"""Files of stored records, and the parts that they are read in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from diptych.models.errors import DatasetError

# Around each record: its length and a checksum of that before it, a checksum of the record after it.
_LENGTH, _BEFORE, _AROUND = 8, 12, 16


@dataclass(frozen=True)
class RecordChunk:
    """Some consecutive records of some files.

    Attributes:
        files: what holds them, in order; all but the first from the start.
        offset: the byte of the first file at which the first record starts.
        records: how many; None for all there are.
    """

    files: tuple[str, ...]
    offset: int = 0
    records: int | None = None


def list_split_files(examples_uri: str, split: str) -> list[str]:
    """The TFRecord files of a split, sorted."""
    return sorted(tf.io.gfile.glob(os.path.join(examples_uri, f"Split-{split}", "*")))


def compression_type(files: Sequence[str]) -> str:
    """How TensorFlow calls the compression_type of a dataset's files, which their names' ending tells, as Beam has it."""
    return "GZIP" if files and files[0].endswith(".gz") else ""


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """Serialised records, in order: scalar strings."""
    return tf.data.TFRecordDataset(list(files), compression_type=compression_type(files))


def match_files(patterns: Sequence[str]) -> list[str]:
    """The files that match, pattern by pattern, each sorted.

    Raises:
        ValueError: none does.
    """
    found = [name for pattern in patterns for name in sorted(tf.io.gfile.glob(pattern))]
    if not found:
        raise DatasetError(f"no TFRecord file matches {list(patterns)}")
    return found


def split_into_chunks(files: Sequence[str], records: int) -> list[RecordChunk]:
    """Parts of so many records, the last of fewer; all together hold each record once, in order.

    A compressed or remote file can only be read from its start: it is a part by itself.

    Raises:
        ValueError: a file is no TFRecord file.
    """
    if any(file.endswith(".gz") or "://" in file for file in files):
        return [RecordChunk((file,)) for file in files]
    places = [(number, offset) for number, file in enumerate(files) for offset in _offsets(file)]
    parts = []
    for start in range(0, len(places), records):
        held = places[start : start + records]
        (first, offset), (last, _) = held[0], held[-1]
        parts.append(RecordChunk(tuple(files[first : last + 1]), offset, len(held)))
    return parts


def _offsets(file: str) -> Iterator[int]:
    """Where each record of an uncompressed local file starts, found by the lengths alone."""
    with open(file, "rb") as opened:
        size, descriptor, offset = os.fstat(opened.fileno()).st_size, opened.fileno(), 0
        while offset + _BEFORE <= size:
            yield offset
            offset += _AROUND + int.from_bytes(os.pread(descriptor, _LENGTH, offset), "little")
    if offset != size:
        raise DatasetError(f"{file} is no whole TFRecord file: a record ends at byte {offset}, the file at {size}")
