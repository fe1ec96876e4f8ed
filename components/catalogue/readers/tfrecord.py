"""TFRecord files of ``tf.train.Example``, as TensorFlow Datasets and others write them."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, BinaryIO

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    Row,
    check_columns,
    counted,
    cut_chunks,
    make_row,
    reading,
)
from diptych.components.catalogue.readers.sidecars import PartError, is_gzip, most_bytes, unzip
from diptych.components.catalogue.storage import folder_of, is_file, join, open_file, read_file
from diptych.models.tfrecord_framing import CHECKSUM, RECORD_HEADER, masked_crc32c

# What a record may hold beside its image.
_OTHER_BYTES = 1 << 20
# An Example may lack a feature that has no value: this many are asked for their features, not one.
_FIRST_RECORDS = 64
_SPLIT_IN_NAME = re.compile(r"-([A-Za-z]+)\.tfrecord-\d+-of-\d+$")


class TfrecordReader:
    """Files of ``tf.train.Example``, whose features are the columns; the image is the bytes of an image file.

    A feature of several values is a list. An integer label gets its name from ``<label>.labels.txt`` in the same
    folder, as TensorFlow Datasets has it; there, -1 is no label. Where the split column is no feature, the split is
    that of the file's name, ``name-<split>.tfrecord-00000-of-00001``. Without an id, ``<file>__<place in it, from 0>``
    is one.

    Files compressed by gzip are uncompressed to ``spool``. A file whose lengths are damaged or that ends within a
    record is refused as a whole: how many rows are lost cannot be told.
    """

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``: reads the lengths of all records, and the features of some.

        Raises:
            CatalogueError: there is no such file, it is damaged, or a column is no feature of its first records.
        """
        with reading(source):
            copy = _unzipped(source, spool, data)
            with open_file(copy or source, data.fetch) as file:
                _check_features(file, source, data)
                whole = Chunk(source_index, 1, 0, source, 0, 0, copy)
                yield from cut_chunks(whole, (stop for _, stop in _frames(file, source, 0)))

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        with reading(chunk.source), open_file(chunk.spool or chunk.source, data.fetch) as file:
            surroundings = _look_around(chunk.source, data)
            records = islice(_records(file, chunk.source, chunk.start, data), chunk.rows)
            rows = (_row(number, record, surroundings, data) for number, record in enumerate(records, chunk.first_row))
            yield from counted(rows, chunk)


@dataclass(frozen=True)
class _Surroundings:
    """What a file's name and folder say of its records.

    Attributes:
        name: of the file.
        split: the one in its name, if there is one.
        labels: names of the label's numbers; none without a file of them.
    """

    name: str
    split: str | None
    labels: Sequence[str]


def _look_around(source: str, data: DataOptions) -> _Surroundings:
    split = _SPLIT_IN_NAME.search(source)
    return _Surroundings(posixpath.basename(source), split[1] if split else None, _label_names(source, data))


def _label_names(source: str, data: DataOptions) -> list[str]:
    uri = join(folder_of(source), data.columns.label.replace("/", "-") + ".labels.txt")
    if not is_file(uri, data.fetch):
        return []
    try:
        text = read_file(uri, data.fetch, most_bytes(data)).decode()
    except ValueError as error:
        raise CatalogueError(f"data.columns.label: the names in '{uri}' cannot be read: {error}") from None
    return [line.strip() for line in text.split("\n") if line.strip()]


def _check_features(file: BinaryIO, source: str, data: DataOptions) -> None:
    records = list(islice(_records(file, source, 0, data), _FIRST_RECORDS))
    names = {name for record in records if not isinstance(record, PartError) for name in record}
    if names:
        of_file_name = {data.columns.split} if data.columns.split and _SPLIT_IN_NAME.search(source) else set()
        check_columns(sorted(names | of_file_name), data, source)


def _row(number: int, record: Mapping[str, Any] | PartError, surroundings: _Surroundings, data: DataOptions) -> Row:
    values: dict[str, Any] = {}
    problem = None
    try:
        if isinstance(record, PartError):
            raise record
        values = _values(record, surroundings, data)
    except PartError as error:
        problem = error.problem
    row = make_row(number, values, data)
    return replace(row, id=row.id or f"{surroundings.name}__{number - 1}", problem=row.problem or problem)


def _values(features: Mapping[str, Any], surroundings: _Surroundings, data: DataOptions) -> dict[str, Any]:
    """Column to value.

    Raises:
        PartError: the image is no bytes, or the label a number without a name.
    """
    columns = data.columns
    values = {name: _value(features[name]) for name in data.used_columns.values() if name in features}
    if columns.split and columns.split not in features:
        values[columns.split] = surroundings.split
    if columns.image in features and features[columns.image].WhichOneof("kind") not in ("bytes_list", None):
        raise PartError("malformed_row", f"feature '{columns.image}' holds numbers; an image file's bytes are needed")
    if surroundings.labels and columns.label in values:
        values[columns.label] = _named(values[columns.label], surroundings.labels, data)
    return values


def _value(feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    return values if len(values) > 1 else next(iter(values), None)


def _named(label: Any, labels: Sequence[str], data: DataOptions) -> Any:
    """The same with names for numbers; a list where there may be several, so that no name is parted."""
    if isinstance(label, list):
        return [_label_of(item, labels) if isinstance(item, int) else item for item in label]
    if not isinstance(label, int):
        return label
    name = _label_of(label, labels)
    return [name] if data.label_separator else name


def _label_of(number: int, labels: Sequence[str]) -> str | None:
    if number >= len(labels) or number < -1:
        raise PartError("unknown_label", f"number {number} is none of the {len(labels)} labels that have names")
    return labels[number] if number >= 0 else None


def _unzipped(source: str, spool: str, data: DataOptions) -> str:
    """Where the uncompressed copy of a compressed file is; empty if it is not compressed."""
    with open_file(source, data.fetch) as file:
        head = file.read(RECORD_HEADER.size)
    # A length may look like the start of a gzip file, but not with its checksum.
    if not is_gzip(head) or _is_head(head):
        return ""
    unzip(source, spool, data)
    return spool


def _records(file: BinaryIO, source: str, start: int, data: DataOptions) -> Iterator[Mapping[str, Any] | PartError]:
    """The features of each record from a position on, or why they cannot be had."""
    for size, _ in _frames(file, source, start):
        try:
            yield _features(_content(file, size, data))
        except PartError as error:
            yield error


def _frames(file: BinaryIO, source: str, start: int) -> Iterator[tuple[int, int]]:
    """Size of each record's bytes, at which the file then stands, and where the next record starts."""
    end = file.seek(0, io.SEEK_END)
    while start < end:
        file.seek(start)
        head = file.read(RECORD_HEADER.size)
        if not _is_head(head):
            raise _broken(source, start, "no record begins")
        size = RECORD_HEADER.unpack(head)[0]
        stop = start + RECORD_HEADER.size + size + CHECKSUM.size
        if stop > end:
            raise _broken(source, start, "a record begins that has no end")
        yield size, stop
        start = stop


def _is_head(head: bytes) -> bool:
    return len(head) == RECORD_HEADER.size and RECORD_HEADER.unpack(head)[1] == masked_crc32c(head[:8])


def _broken(source: str, position: int, reason: str) -> CatalogueError:
    return CatalogueError(
        f"data.catalogue: '{source}' is no whole TFRecord file: {reason} at byte {position:,}; write or copy it anew"
    )


def _content(file: BinaryIO, size: int, data: DataOptions) -> bytes:
    """The bytes of the record that the file stands at.

    Raises:
        PartError: it is too large or damaged.
    """
    if size > most_bytes(data) + _OTHER_BYTES:
        raise PartError("too_large", f"the record holds {size / 1e6:,.1f} MB")
    content = file.read(size)
    (checksum,) = CHECKSUM.unpack(file.read(CHECKSUM.size))
    if checksum != masked_crc32c(content):
        raise PartError("malformed_row", "the record's checksum differs: it is damaged")
    return content


def _features(content: bytes) -> Mapping[str, Any]:
    """The features of a serialised Example by name.

    Raises:
        PartError: it is none.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features: Mapping[str, Any] = tf.train.Example.FromString(content).features.feature
    # protobuf 3's parser in C++ raises SystemError where a message ends by a zero.
    except (DecodeError, SystemError):
        raise PartError("malformed_row", "the record is no tf.train.Example") from None
    return features
