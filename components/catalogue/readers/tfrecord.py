"""TFRecord files of ``tf.train.Example``, as TensorFlow Datasets and others write them."""

from __future__ import annotations

import io
import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, BinaryIO

from google.protobuf.message import DecodeError

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.class_names import name_number
from diptych.components.catalogue.readers.example_proto import Example
from diptych.components.catalogue.readers.example_values import has_more_values
from diptych.components.catalogue.readers.gzip_files import decompress, is_gzip
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_columns,
    check_row_count,
    cut_chunks,
    make_row,
)
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.samples import SAMPLED_ROWS, spread
from diptych.components.catalogue.storage import folder_of, is_file, join, open_file, read_file
from diptych.models.scratch_folders import scratch_folder
from diptych.models.tfrecord_framing import CHECKSUM, RECORD_HEADER, masked_crc32c

# Bytes that a record may hold beside its image.
_OTHER_BYTES = 1 << 20
# Values of a record, each of which takes far more memory as an object.
_MAX_VALUES = 4_000_000
# Records that are searched for features: an Example lacks a feature that has no value.
_FIRST_RECORDS = 64
_SPLIT_IN_NAME = re.compile(r"-([A-Za-z]+)\.tfrecord-\d+-of-\d+$")


class TfrecordReader:
    """Reads files of ``tf.train.Example``, whose features are the columns; the image is the bytes of an image file.

    A feature of several values is a list. An integer label gets its name from ``<label>.labels.txt`` in the same
    folder, as in TensorFlow Datasets; -1 means no label. Where the split column is no feature, the split is taken from
    the file's name, ``name-<split>.tfrecord-00000-of-00001``. Without an id, ``<file>__<place in it, from 0>`` is the
    id.

    Files that are compressed by gzip are decompressed to ``spool``. A file whose record lengths are damaged or that
    ends within a record is refused as a whole, because nobody could tell how many rows are lost.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; the rows are spread over the file. Bytes that are UTF-8 are given as text."""
        with scratch_folder() as folder:
            copy = _decompressed(source, os.path.join(folder, "spool"), data)
            with open_file(copy or source, data.fetch, data.limits) as file:
                for size, stop in spread(_frames(file, source, 0), SAMPLED_ROWS):
                    file.seek(stop - CHECKSUM.size - size)
                    with suppress(RowError):
                        record = _parse_example(_read_content(file, size, data))
                        # The map has no order of its own.
                        yield {name: _decoded(_value(record[name])) for name in sorted(record)}

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``; it reads the lengths of all records, and the features of the first ones.

        Raises:
            CatalogueError: there is no such file, it is damaged, or a column is no feature of its first records.
        """
        with catalogue_errors(source):
            copy = _decompressed(source, spool, data)
            with open_file(copy or source, data.fetch, data.limits) as file:
                _check_features(file, source, data)
                whole = Chunk(source_index, 1, 0, source, 0, 0, copy)
                yield from cut_chunks(whole, (stop for _, stop in _frames(file, source, 0)))

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        with catalogue_errors(chunk.source), open_file(chunk.spool or chunk.source, data.fetch, data.limits) as file:
            info = _file_info(chunk.source, data)
            records = islice(_records(file, chunk.source, chunk.start, data), chunk.rows)
            rows = (_row(number, record, info, data) for number, record in enumerate(records, chunk.first_row))
            yield from check_row_count(rows, chunk)


@dataclass(frozen=True)
class _FileInfo:
    """What the name and the folder of a file say of its records.

    Attributes:
        name: of the file.
        split: the split in its name, or None.
        labels: the labels' names by number; empty if there is no file of them.
    """

    name: str
    split: str | None
    labels: Sequence[str]


def _file_info(source: str, data: DataOptions) -> _FileInfo:
    split = _SPLIT_IN_NAME.search(source)
    return _FileInfo(posixpath.basename(source), split[1] if split else None, _label_names(source, data))


def _label_names(source: str, data: DataOptions) -> list[str]:
    if not isinstance(data.columns.label, str):
        return []
    uri = join(folder_of(source), data.columns.label.replace("/", "-") + ".labels.txt")
    if not is_file(uri, data.fetch):
        return []
    try:
        text = read_file(uri, data.fetch, data.limits.file_bytes).decode()
    except ValueError as error:
        raise CatalogueError(f"data.columns.label: the names in '{uri}' cannot be read: {error}") from None
    return [line.strip() for line in text.split("\n") if line.strip()]


def _check_features(file: BinaryIO, source: str, data: DataOptions) -> None:
    records = islice(_records(file, source, 0, data), _FIRST_RECORDS)
    names = {name for record in records if not isinstance(record, RowError) for name in record}
    if names:
        of_file_name = {data.columns.split} if data.columns.split and _SPLIT_IN_NAME.search(source) else set()
        check_columns(sorted(names | of_file_name), data, source)


def _row(number: int, record: Mapping[str, Any] | RowError, info: _FileInfo, data: DataOptions) -> Row:
    values: dict[str, Any] = {}
    problem = None
    try:
        if isinstance(record, RowError):
            raise record
        values = _values(record, info, data)
    except RowError as error:
        problem = error.problem
    row = make_row(number, values, data)
    return replace(row, id=row.id or f"{info.name}__{number - 1}", problem=row.problem or problem)


def _values(features: Mapping[str, Any], info: _FileInfo, data: DataOptions) -> dict[str, Any]:
    """The values of a record by column.

    Raises:
        RowError: the image is no bytes, or the label is a number without a name.
    """
    columns = data.columns
    values = {name: _value(features[name]) for name in data.used_columns if name in features}
    if columns.split and columns.split not in features:
        values[columns.split] = info.split
    if columns.image in features and features[columns.image].WhichOneof("kind") not in ("bytes_list", None):
        raise RowError("malformed_row", f"feature '{columns.image}' holds numbers; an image file's bytes are needed")
    if info.labels and isinstance(columns.label, str) and columns.label in values:
        values[columns.label] = _name_labels(values[columns.label], info.labels, data)
    return values


def _value(feature: Any) -> Any:
    """The only value of a feature, a list of several values, or None if there is no value."""
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    return values if len(values) > 1 else next(iter(values), None)


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value


def _name_labels(label: Any, labels: Sequence[str], data: DataOptions) -> Any:
    """The label with a name in the place of each number.

    Where a row may have several labels it is a list, so that a name that holds the separator stays whole.
    """
    if isinstance(label, list):
        return [name_number(item, labels) if isinstance(item, int) else item for item in label]
    if not isinstance(label, int):
        return label
    name = name_number(label, labels)
    return [name] if data.has_several_labels else name


def _decompressed(source: str, spool: str, data: DataOptions) -> str:
    """Decompresses a compressed file; returns the spool, or an empty text if the file is not compressed."""
    with open_file(source, data.fetch, data.limits) as file:
        head = file.read(RECORD_HEADER.size)
    # The length of a first record may look like the start of a gzip file, but its checksum is then wrong.
    if not is_gzip(head) or _is_header(head):
        return ""
    decompress(source, spool, data)
    return spool


def _records(file: BinaryIO, source: str, start: int, data: DataOptions) -> Iterator[Mapping[str, Any] | RowError]:
    """The features of each record from a position on, or the error in the place of a record that cannot be used."""
    for size, _ in _frames(file, source, start):
        try:
            yield _parse_example(_read_content(file, size, data))
        except RowError as error:
            yield error


def _frames(file: BinaryIO, source: str, start: int) -> Iterator[tuple[int, int]]:
    """For each record its size, and where the next one starts; the file is then positioned at the record's bytes."""
    end = file.seek(0, io.SEEK_END)
    while start < end:
        file.seek(start)
        head = file.read(RECORD_HEADER.size)
        if not _is_header(head):
            raise _broken(source, start, "no record begins")
        size = RECORD_HEADER.unpack(head)[0]
        stop = start + RECORD_HEADER.size + size + CHECKSUM.size
        if stop > end:
            raise _broken(source, start, "a record begins that has no end")
        yield size, stop
        start = stop


def _is_header(head: bytes) -> bool:
    return len(head) == RECORD_HEADER.size and RECORD_HEADER.unpack(head)[1] == masked_crc32c(head[:8])


def _broken(source: str, position: int, reason: str) -> CatalogueError:
    return CatalogueError(
        f"data.catalogue: '{source}' is no whole TFRecord file: {reason} at byte {position:,}; write or copy it anew"
    )


def _read_content(file: BinaryIO, size: int, data: DataOptions) -> bytes:
    """Reads the record at which the file is positioned.

    Raises:
        RowError: it is too large or damaged.
    """
    if size > data.limits.file_bytes + _OTHER_BYTES:
        raise RowError("too_large", f"the record holds {size / 1e6:,.1f} MB")
    content = file.read(size)
    (checksum,) = CHECKSUM.unpack(file.read(CHECKSUM.size))
    if checksum != masked_crc32c(content):
        raise RowError("malformed_row", "the record's checksum differs: it is damaged")
    return content


def _parse_example(content: bytes) -> Mapping[str, Any]:
    """The features of a serialised Example, by name.

    Raises:
        RowError: the bytes are no Example, or one of too many values.
    """
    # No value is shorter than a byte.
    if len(content) > _MAX_VALUES and has_more_values(content, _MAX_VALUES):
        raise RowError("too_large", f"the record has more than {_MAX_VALUES:,} values")
    try:
        features: Mapping[str, Any] = Example.FromString(content).features.feature
    # protobuf 3's parser in C++ raises SystemError where a message ends with a zero byte.
    except (DecodeError, SystemError):
        raise RowError("malformed_row", "the record is no tf.train.Example") from None
    return features
