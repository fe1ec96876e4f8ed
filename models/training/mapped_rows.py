"""Decoded rows in files that are mapped into memory, which training reads in each epoch instead of the records.

Batches and their order are those of the records, so the trained network is the same. The files have no name once they
are mapped: the disk's space is free as soon as the process ends, however it ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.models.counts import pluralize
from diptych.models.dataset import DecodeFn, RowReader, read_dataset
from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.inputs import IDS_INPUT, PADDING, VALUES_INPUT
from diptych.models.progress import report_progress
from diptych.models.scratch_folders import scratch_folder
from diptych.models.text.ragged import pad_rows

_BATCH_SIZE = 64
_LABEL = "label"
# Making the files of more bytes takes long enough to be told.
_TOLD_BYTES = 1e9
# Of the free space on the disk, so much is left to others.
_SPARED_SHARE = 0.5


@dataclass(frozen=True)
class MappedRows:
    """Decoded rows of a split; pass it as ``decode`` to the functions of ``diptych.models.dataset``.

    Attributes:
        inputs: for each input its values, ``[n, ...]``: those of a bag of words ragged, without padding.
        label: the labels, ``[n, ...]``.
    """

    inputs: dict[str, tf.Tensor | tf.RaggedTensor]
    label: tf.Tensor

    def read_rows(self, numbers: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The inputs and label of the rows with these numbers, int64 ``[b]``, as a decoder of their records gives."""
        inputs = {}
        for name, values in self.inputs.items():
            rows = tf.gather(values, numbers)
            inputs[name] = pad_rows(rows) if isinstance(rows, tf.RaggedTensor) else rows
        return inputs, tf.gather(self.label, numbers)


@dataclass
class RowMaps:
    """Maps the rows of splits, each at its first use.

    Attributes:
        most_bytes: how much of the disk the rows of all splits together may take.
    """

    most_bytes: float
    _taken: float = 0.0
    _known: dict[tuple[str, ...], MappedRows | None] = field(default_factory=dict)

    def open(self, files: Sequence[str], decoder: TransformGraphDecoder, rows: int) -> DecodeFn | RowReader:
        """The mapped rows of some files; or the decoder, if they take too much, or files are compressed or remote.

        Args:
            rows: the number of rows.

        Raises:
            tf.errors.OpError: a file cannot be read.
        """
        key = tuple(files)
        if key not in self._known:
            self._known[key] = self._map(files, decoder, rows)
        return self._known[key] or decoder

    def _map(self, files: Sequence[str], decoder: TransformGraphDecoder, rows: int) -> MappedRows | None:
        size = rows * decoder.image.height * decoder.image.width * 3
        free = shutil.disk_usage(tempfile.gettempdir()).free * _SPARED_SHARE
        if any(file.endswith(".gz") or "://" in file for file in files) or self._taken + size > self.most_bytes:
            return None
        told = f"{pluralize(rows, 'row')} of {size / 1e9:.1f} GB decoded"
        if size > free:
            report_progress("note", text=f"there is no space to keep {told} for all epochs: TMPDIR names another place")
            return None
        if size > _TOLD_BYTES:
            report_progress("note", text=f"keeping {told} for all epochs (train.memory_map_gb)")
        batches = read_dataset(files, batch_size=_BATCH_SIZE, decode=decoder)
        try:
            with scratch_folder() as folder:
                mapped = map_rows(batches, folder)
        except OSError as error:
            report_progress("note", text=f"could not keep {told} for all epochs: {error.strerror}")
            return None
        self._taken += size
        return mapped


def map_rows(batches: Iterable[tuple[dict[str, tf.Tensor], tf.Tensor]], folder: str) -> MappedRows:
    """Writes decoded batches to files and maps them into memory. The files may be deleted at once.

    Raises:
        OSError: a file cannot be written.
    """
    columns: dict[str, _Column] = {}
    with ExitStack() as opened:
        for inputs, label in batches:
            for name, (values, lengths) in _to_columns(inputs, label).items():
                if name not in columns:
                    columns[name] = _Column(opened.enter_context(open(os.path.join(folder, name), "wb")), values)
                columns[name].append(values, lengths)
    mapped = {name: column.map() for name, column in columns.items()}
    return MappedRows({name: values for name, values in mapped.items() if name != _LABEL}, mapped[_LABEL])


def _to_columns(
    inputs: dict[str, tf.Tensor], label: tf.Tensor
) -> dict[str, tuple[NDArray[Any], NDArray[np.int64] | None]]:
    """The values of each column of a batch; and, where rows are lists, their lengths."""
    columns: dict[str, tuple[NDArray[Any], NDArray[np.int64] | None]] = {_LABEL: (label.numpy(), None)}
    is_term = inputs[IDS_INPUT].numpy() != PADDING if VALUES_INPUT in inputs else None
    for name, tensor in inputs.items():
        values = tensor.numpy()
        is_list = is_term is not None and name in (IDS_INPUT, VALUES_INPUT)
        columns[name] = (values[is_term], is_term.sum(axis=1)) if is_list and is_term is not None else (values, None)
    return columns


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
