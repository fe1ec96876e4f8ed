"""TFRecord files: finding them, reading their records, and splitting them into chunks that are read independently."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf

from diptych.models.errors import DatasetError
from diptych.models.tfrecord_framing import CHECKSUM, RECORD_HEADER


@dataclass(frozen=True)
class RecordChunk:
    """Some consecutive records, in one file or across the border of several files.

    Attributes:
        files: the files that hold them, in order; every file but the first is read from its start.
        offset: where the first record starts in the first file, in bytes.
        count: the number of records; None for all records of the files.
    """

    files: tuple[str, ...]
    offset: int = 0
    count: int | None = None


def list_split_files(examples_uri: str, split: str) -> list[str]:
    """The TFRecord files of one split of an Examples artifact, sorted by name; none if it has no such split."""
    return list_folder_files(os.path.join(examples_uri, f"Split-{split}"))


def list_folder_files(folder: str) -> list[str]:
    """The files of a folder, sorted by name; none if there is no such folder.

    It is listed, not searched by a pattern: its own path may hold ``*`` or ``[``.
    """
    names = tf.io.gfile.listdir(folder) if tf.io.gfile.isdir(folder) else []
    return sorted(os.path.join(folder, name) for name in names)


def match_files(patterns: Sequence[str]) -> list[str]:
    """The files that match some patterns: in the order of the patterns, and sorted by name for each of them.

    The name of a file that exists matches this file only, whatever signs of patterns it holds.

    Raises:
        DatasetError: no file matches.
    """
    files = [name for pattern in patterns for name in _match(pattern)]
    if not files:
        raise DatasetError(f"no TFRecord file matches {list(patterns)}")
    return files


def _match(pattern: str) -> list[str]:
    return [pattern] if tf.io.gfile.exists(pattern) else sorted(tf.io.gfile.glob(pattern))


def compression_type(files: Sequence[str]) -> str:
    """TensorFlow's name for the compression of a dataset's files: Beam, too, tells it by the ending ``.gz``."""
    return "GZIP" if files and files[0].endswith(".gz") else ""


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """A dataset of the files' serialised records in their order, each a scalar string."""
    records = tf.data.TFRecordDataset(list(files), compression_type=compression_type(files))
    return records.with_options(plain_options())


def plain_options() -> tf.data.Options:
    """Switches off tf.data's tuning and rewriting, for a dataset and for all that is made of it.

    The thread that tries other degrees of parallelism sleeps ever longer, up to a minute, and deleting an iterator
    sometimes waits until it wakes: a second for each pass over a small split. Rewriting a graph that contains
    Transform's takes a third of the time to make an iterator, and makes nothing faster.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def split_into_chunks(files: Sequence[str], chunk_size: int) -> list[RecordChunk]:
    """Splits the records of some files into chunks that together hold each record once, in order.

    A compressed or remote file can only be read from its start, so each of them is one chunk.

    Args:
        chunk_size: the number of records of each chunk but the last, which may hold fewer.

    Raises:
        DatasetError: a file is no TFRecord file, or is truncated.
    """
    if any(file.endswith(".gz") or "://" in file for file in files):
        return [RecordChunk((file,)) for file in files]
    records = [(number, offset) for number, file in enumerate(files) for offset in _record_offsets(file)]
    chunks = []
    for start in range(0, len(records), chunk_size):
        members = records[start : start + chunk_size]
        (first, offset), (last, _) = members[0], members[-1]
        chunks.append(RecordChunk(tuple(files[first : last + 1]), offset, len(members)))
    return chunks


def _record_offsets(file: str) -> Iterator[int]:
    """The byte at which each record of an uncompressed local file starts; only the headers are read."""
    with open(file, "rb") as opened:
        size, descriptor, offset = os.fstat(opened.fileno()).st_size, opened.fileno(), 0
        while offset + RECORD_HEADER.size <= size:
            yield offset
            length = int.from_bytes(os.pread(descriptor, 8, offset), "little")
            offset += RECORD_HEADER.size + length + CHECKSUM.size
    if offset != size:
        raise DatasetError(f"{file} is no whole TFRecord file: a record ends at byte {offset}, the file at {size}")
