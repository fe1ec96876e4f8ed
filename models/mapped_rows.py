"""Rows that are decoded once, into files that are mapped into memory: what reads data in many epochs reads these.

Batches and their order are those of the records, so a trained network is the same. The files have no name once they
are mapped: the disk's space is free as soon as the process ends, however it ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.models.counts import pluralize
from diptych.models.dataset import CHUNK_SIZE, DecodeFn, RowReader, read_dataset
from diptych.models.inputs import IDS_INPUT, PADDING, VALUES_INPUT
from diptych.models.progress import report_progress
from diptych.models.scratch_folders import scratch_folder
from diptych.models.text.ragged import pad_rows
from diptych.models.tfrecords import match_files, split_into_chunks

_BATCH_SIZE = 64
_LABEL = "label"
# The parts that an input is written in: two files hold a sparse one.
_DENSE, _INDEX, _VALUE = "dense", "index", "value"
# Making the files of more bytes takes long enough to be told.
_TOLD_BYTES = 1e9
# Of the free space on the disk, so much is left to others.
_SPARED_SHARE = 0.5


class SparseRows(NamedTuple):
    """Rows of a sparse matrix.

    Attributes:
        index: for each row its columns that hold a value, ragged int64 ``[n, None]``.
        value: these values, of the same shape.
        columns: the number of columns.
    """

    index: tf.RaggedTensor
    value: tf.RaggedTensor
    columns: int


@dataclass(frozen=True)
class MappedRows:
    """Decoded rows; pass it as ``decode`` to the functions of ``diptych.models.dataset``.

    Attributes:
        inputs: for each input its values, ``[n, ...]``: those of a padded bag of words ragged, without padding.
        label: the labels, ``[n, ...]``.
    """

    inputs: dict[str, tf.Tensor | tf.RaggedTensor | SparseRows]
    label: tf.Tensor

    def read_rows(self, numbers: tf.Tensor) -> tuple[dict[str, Any], tf.Tensor]:
        """The inputs and label of the rows with these numbers, int64 ``[b]``, as a decoder of their records gives."""
        return {name: _gather(rows, numbers) for name, rows in self.inputs.items()}, tf.gather(self.label, numbers)


def _gather(rows: tf.Tensor | tf.RaggedTensor | SparseRows, numbers: tf.Tensor) -> tf.Tensor | tf.SparseTensor:
    if isinstance(rows, SparseRows):
        index, value = tf.gather(rows.index, numbers), tf.gather(rows.value, numbers)
        shape = tf.stack([tf.size(numbers, tf.int64), tf.constant(rows.columns, tf.int64)])
        return tf.SparseTensor(tf.stack([index.value_rowids(), index.values], axis=1), value.values, shape)
    gathered = tf.gather(rows, numbers)
    return pad_rows(gathered) if isinstance(gathered, tf.RaggedTensor) else gathered


def decode_once(
    files: Sequence[str], decode: Callable[[tf.Tensor], tuple[dict[str, Any], tf.Tensor]], *, most_gb: float = 4.0
) -> DecodeFn | RowReader:
    """Decodes all records, in the order of the files, and keeps what they hold for as many epochs as will be read.

    Pass what it returns as ``decode`` to the functions of ``diptych.models.dataset``, together with the same ``files``.

    Args:
        files: uncompressed local TFRecord files, or patterns of their names.
        decode: a decoder of ``diptych.models.decoders``.
        most_gb: how many gigabytes of the disk, in the folder of temporary files (``TMPDIR``), the rows may take.

    Returns:
        ``decode`` itself where the rows would take more, or files are compressed or remote: then each epoch decodes
        again.

    Raises:
        DatasetError: no file matches, a file is no TFRecord file, or there is no record.
        tf.errors.OpError: a file is damaged or cannot be read.
    """
    names = match_files(files)
    rows = sum(chunk.count or 0 for chunk in split_into_chunks(names, CHUNK_SIZE))
    return RowMaps(most_gb * 1e9).open(names, decode, rows)


@dataclass
class RowMaps:
    """Maps the rows of splits, each at its first use.

    Attributes:
        most_bytes: how much of the disk the rows of all splits together may take.
    """

    most_bytes: float
    _taken: float = 0.0
    _known: dict[tuple[str, ...], MappedRows | None] = field(default_factory=dict)

    def open(self, files: Sequence[str], decode: DecodeFn, rows: int) -> DecodeFn | RowReader:
        """The mapped rows of some files; or ``decode``, if they take too much, or files are compressed or remote.

        Args:
            decode: a decoder of ``diptych.models.decoders``.
            rows: the number of rows.

        Raises:
            DatasetError: there is no record.
            tf.errors.OpError: a file cannot be read.
        """
        key = tuple(files)
        if key not in self._known:
            self._known[key] = self._map(files, decode, rows)
        return self._known[key] or decode

    def _map(self, files: Sequence[str], decode: DecodeFn, rows: int) -> MappedRows | None:
        if any(file.endswith(".gz") or "://" in file for file in files):
            return None
        batches = iter(read_dataset(files, batch_size=_BATCH_SIZE, decode=decode))
        first = next(batches)
        size = rows * _row_bytes(first)
        free = shutil.disk_usage(tempfile.gettempdir()).free * _SPARED_SHARE
        if self._taken + size > self.most_bytes:
            return None
        told = f"{pluralize(rows, 'row')} of {size / 1e9:.1f} GB decoded"
        if size > free:
            report_progress("note", text=f"there is no space to keep {told} for all epochs: TMPDIR names another place")
            return None
        if size > _TOLD_BYTES:
            report_progress("note", text=f"keeping {told} for all epochs (train.memory_map_gb)")
        try:
            with scratch_folder() as folder:
                mapped = map_rows(chain([first], batches), folder)
        except OSError as error:
            report_progress("note", text=f"could not keep {told} for all epochs: {error.strerror}")
            return None
        self._taken += size
        return mapped


def _row_bytes(batch: tuple[dict[str, Any], tf.Tensor]) -> float:
    tensors = tf.nest.flatten(batch, expand_composites=True)
    return float(sum(tensor.dtype.size * tensor.shape.num_elements() for tensor in tensors) / len(batch[1]))


def map_rows(batches: Iterable[tuple[dict[str, Any], tf.Tensor]], folder: str) -> MappedRows:
    """Writes decoded batches to files and maps them into memory. The files may be deleted at once.

    Raises:
        OSError: a file cannot be written.
    """
    parts: dict[tuple[str, str], _Column] = {}
    columns: dict[str, int] = {}
    with ExitStack() as opened:
        for inputs, label in batches:
            columns |= {name: values.shape[1] for name, values in inputs.items() if isinstance(values, tf.SparseTensor)}
            for part, (values, lengths) in _split(inputs, label):
                if part not in parts:
                    path = os.path.join(folder, str(len(parts)))
                    parts[part] = _Column(opened.enter_context(open(path, "wb")), values)
                parts[part].append(values, lengths)
    mapped = {part: column.map() for part, column in parts.items()}
    label = mapped.pop((_LABEL, _DENSE))
    inputs = {name: rows for (name, kind), rows in mapped.items() if kind == _DENSE}
    for name, width in columns.items():
        inputs[name] = SparseRows(mapped[name, _INDEX], mapped[name, _VALUE], width)
    return MappedRows(inputs, label)


#: The values of a batch; and, where each row has another number of them, these numbers.
_Values = tuple[NDArray[Any], NDArray[np.int64] | None]


def _split(inputs: dict[str, Any], label: tf.Tensor) -> Iterator[tuple[tuple[str, str], _Values]]:
    """What each file gets of a batch, by the input's name and what part of it the file holds."""
    yield (_LABEL, _DENSE), (label.numpy(), None)
    is_term = inputs[IDS_INPUT].numpy() != PADDING if VALUES_INPUT in inputs else None
    for name, tensor in inputs.items():
        if isinstance(tensor, tf.SparseTensor):
            row, column = tensor.indices.numpy().T
            lengths = np.bincount(row, minlength=tensor.shape[0])
            yield (name, _INDEX), (column, lengths)
            yield (name, _VALUE), (tensor.values.numpy(), lengths)
        elif is_term is not None and name in (IDS_INPUT, VALUES_INPUT):
            yield (name, _DENSE), (tensor.numpy()[is_term], is_term.sum(axis=1))
        else:
            yield (name, _DENSE), (tensor.numpy(), None)


class _Column:
    """A file of values of one type, row by row."""

    def __init__(self, file: BinaryIO, like: NDArray[Any]) -> None:
        self._file = file
        self._dtype, self._row_shape = tf.as_dtype(like.dtype), like.shape[1:]
        self._count = 0
        self._lengths: list[NDArray[np.int64]] = []

    def append(self, values: NDArray[Any], lengths: NDArray[np.int64] | None) -> None:
        self._file.write(values.tobytes())
        self._count += len(values)
        if lengths is not None:
            self._lengths.append(lengths)

    def map(self) -> tf.Tensor | tf.RaggedTensor:
        shape = (self._count, *self._row_shape)
        with tf.device("CPU"):
            if self._count:
                values = tf.raw_ops.ImmutableConst(dtype=self._dtype, shape=shape, memory_region_name=self._file.name)
            else:
                # No file without bytes can be mapped.
                values = tf.zeros(shape, self._dtype)
            if not self._lengths:
                return values
            return tf.RaggedTensor.from_row_lengths(values, np.concatenate(self._lengths), validate=False)
