"""tf.data datasets of the records of any run, or of ``diptych export``; needs TensorFlow but not TFX.

The order in training is a function of the seed, the epoch and the files only: not of the number of threads, of what was
read before, or of ``tf.random.set_seed``. Shuffling takes two steps, so that a catalogue sorted by label is mixed well
although only ``ShuffleOptions.buffer_size`` records are in memory. First, chunks of ``CHUNK_SIZE`` consecutive records
are put into another order for each epoch, and eight chunks at a time are read in turn. Then records are drawn at random
from the buffer. On 20,000 records sorted by ten labels, the variance of a label's share in batches of 64 is 1.2 times
that of batches drawn from all records; with ``Dataset.shuffle`` alone and the same buffer of 4,096 it is 10.8 times.
Compressed and remote files can only be read from their start, so each of them is one chunk.

Of rows that are decoded already, the numbers are shuffled, in the same order (``RowReader``).

Bound with ``functools.partial``, ``input_fn_train`` and ``input_fn_eval`` can be given to ``tf.estimator`` as
``input_fn`` (up to TensorFlow 2.15, the last version that has it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import tensorflow as tf

from diptych.models.counts import pluralize
from diptych.models.errors import DatasetError
from diptych.models.tfrecords import (
    RecordChunk,
    compression_type,
    match_files,
    plain_options,
    read_records,
    split_into_chunks,
)
from diptych.models.tracing import without_autograph

#: Turns a batch of serialised records, string ``[b]``, into ``(inputs, label)`` or whatever else the model takes.
DecodeFn = Callable[[tf.Tensor], Any]


@runtime_checkable
class RowReader(Protocol):
    """Rows that are decoded already; pass it as ``decode``, together with the local uncompressed files they are of."""

    def read_rows(self, numbers: tf.Tensor) -> Any:
        """What ``decode`` would make of the records with these numbers, int64 ``[b]``, counted across all files."""


#: Turns the inputs and label of a batch into other ones. The third argument is a seed for stateless ops, int64 ``[2]``,
#: which is another one for each batch.
AugmentFn = Callable[[Any, Any, tf.Tensor], tuple[Any, Any]]
#: Names of files, patterns of names, or the chunks that ``shard_for_worker`` returns.
Files = Sequence[str] | Sequence[RecordChunk]

#: The number of consecutive records that are read together when records are shuffled or shared among workers.
CHUNK_SIZE = 32

_INTERLEAVED_CHUNKS = 8
_PREFETCHED_BATCHES = 4
# For files that are read from start to end. A chunk is read without a buffer, which saves a copy.
_READ_BUFFER_BYTES = 1 << 18
_ENDLESS_EPOCHS = 1 << 62


@dataclass(frozen=True)
class ShuffleOptions:
    """How records are shuffled.

    Attributes:
        buffer_size: the number of records in memory from which the next one is drawn.
        seed: determines the order of every epoch.
    """

    buffer_size: int = 4096
    seed: int = 0


@dataclass(frozen=True)
class StreamPosition:
    """A position in the endless stream of training batches.

    Attributes:
        epoch: the number of whole epochs before it.
        batch: the number of batches before it in its own epoch.
    """

    epoch: int = 0
    batch: int = 0


STREAM_START = StreamPosition()


@dataclass(frozen=True)
class _Source:
    """What a dataset is made of: serialised records, or their numbers, by which ``decode`` reads and decodes them.

    Attributes:
        chunks: the chunks of records.
        read: the records or numbers of chunks in a given order, indices int64 ``[c]``, as a dataset of vectors: one for
            each chunk where its number of records is known, else for up to ``CHUNK_SIZE`` records.
        element: the type of a record or number.
        decode: turns a batch of them into what the model takes.
    """

    chunks: Sequence[RecordChunk]
    read: Callable[[tf.Tensor], tf.data.Dataset]
    element: tf.TensorSpec
    decode: DecodeFn


class _ChunkTable(NamedTuple):
    """Chunks as tensors.

    Attributes:
        files: the names of all files, string ``[f]``.
        first: for each chunk the index of its first file, int64 ``[c]``.
        last: for each chunk the index of its last file, int64 ``[c]``.
        offset: for each chunk where it starts in its first file, in bytes, int64 ``[c]``.
        count: for each chunk its number of records, -1 for all of them, int64 ``[c]``.
    """

    files: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    offset: tf.Tensor
    count: tf.Tensor


def read_dataset(
    files: Files, *, batch_size: int, decode: DecodeFn | RowReader | None = None, shuffle: ShuffleOptions | None = None
) -> tf.data.Dataset:
    """A dataset of batches that holds every record once.

    Args:
        files: uncompressed or ``.gz`` TFRecord files, patterns of their names, or chunks.
        batch_size: the number of records in each batch but the last, which may hold fewer.
        decode: applied to each batch; None leaves batches of serialised records, string ``[b]``.
        shuffle: None keeps the order of the files. Otherwise each pass has the order of training's first epoch.

    Raises:
        DatasetError: no file matches, a file is no TFRecord file, or there is no record.
    """
    chunks = _make_chunks(files, CHUNK_SIZE if shuffle else batch_size)
    # A whole file gives many vectors, and interleaving would mix those of several files.
    in_turn = 1 if not shuffle and chunks[0].count is None else _INTERLEAVED_CHUNKS
    source = _open_source(chunks, in_turn, decode or tf.identity)
    if shuffle:
        batches = _read_shuffled(source, shuffle, tf.constant(0, tf.int64)).batch(batch_size)
    elif all(chunk.count == batch_size for chunk in chunks[:-1]):
        batches = _read_in_order(source)
    else:
        batches = _read_in_order(source).unbatch().batch(batch_size)
    if decode is not None:
        batches = _parallel_map(batches, source.decode)
    return batches.prefetch(_PREFETCHED_BATCHES).with_options(_dataset_options())


def input_fn_train(
    files: Files,
    *,
    batch_size: int,
    decode: DecodeFn | RowReader,
    shuffle: ShuffleOptions = ShuffleOptions(),
    augment: AugmentFn | None = None,
    start: StreamPosition = STREAM_START,
) -> tf.data.Dataset:
    """An endless dataset of shuffled batches for training.

    Each epoch holds every record once, in another order; its last batch holds the remaining records. A stream that
    begins at ``start`` is exactly the rest of the stream that begins at the beginning, augmentation included. Epochs
    before ``start`` are not read; batches before it are read but not decoded.

    Args:
        augment: applied to each batch ``(inputs, label)`` that ``decode`` returns.

    Raises:
        DatasetError: as ``read_dataset``.
    """
    source = _open_source(_make_chunks(files, CHUNK_SIZE), _INTERLEAVED_CHUNKS, decode)

    def read_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        batches = _read_shuffled(source, shuffle, epoch).batch(batch_size).enumerate()
        return batches.map(lambda batch, records: (records, epoch, batch))

    def decode_batch(records: tf.Tensor, epoch: tf.Tensor, batch: tf.Tensor) -> Any:
        if augment is None:
            return source.decode(records)
        inputs, label = source.decode(records)
        seed = tf.stack([tf.constant(shuffle.seed, tf.int64), epoch])
        return augment(inputs, label, tf.random.experimental.stateless_fold_in(seed, batch))

    epochs = tf.data.Dataset.range(start.epoch, _ENDLESS_EPOCHS).flat_map(without_autograph(read_epoch))
    batches = _parallel_map(epochs.skip(start.batch), decode_batch)
    endless = batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    return endless.prefetch(_PREFETCHED_BATCHES).with_options(_dataset_options())


def input_fn_eval(files: Files, *, batch_size: int, decode: DecodeFn | RowReader) -> tf.data.Dataset:
    """A dataset for evaluation: every record once, in the order of the files."""
    return read_dataset(files, batch_size=batch_size, decode=decode)


def shard_for_worker(files: Sequence[str], index: int, count: int) -> list[RecordChunk]:
    """The share of the records that one of several workers reads; pass it as ``files`` to the functions above.

    The shares of all workers together hold each record once. Chunks of ``CHUNK_SIZE`` records are dealt to the workers
    in turn, so that the shares differ by ``CHUNK_SIZE`` records at most, and each share has records from everywhere in
    the dataset. Compressed and remote files are dealt whole.

    Args:
        index: the number of this worker, from 0.
        count: the number of workers.

    Raises:
        ValueError: ``index`` is not from 0 to ``count - 1``.
        DatasetError: as ``read_dataset``; or there are fewer chunks than workers.
    """
    if not 0 <= index < count:
        raise ValueError(f"there is no worker {index} among {count}: index goes from 0 to {count - 1}")
    chunks = split_into_chunks(match_files(files), CHUNK_SIZE)
    if len(chunks) < count:
        raise DatasetError(
            f"{count} workers cannot share {pluralize(len(chunks), 'chunk')} of {list(files)}: use fewer workers, or "
            f"uncompressed local files of at least {(count - 1) * CHUNK_SIZE + 1} records"
        )
    return chunks[index::count]


def _make_chunks(files: Files, chunk_size: int) -> list[RecordChunk]:
    chunks = [chunk for chunk in files if isinstance(chunk, RecordChunk)]
    if not chunks:
        names = match_files([file for file in files if isinstance(file, str)])
        chunks = split_into_chunks(names, chunk_size)
        if not chunks or chunks[0].count is None and not len(list(read_records(names).take(1))):
            raise DatasetError(f"no record in {names}")
    return chunks


def _open_source(chunks: Sequence[RecordChunk], in_turn: int, decode: DecodeFn | RowReader) -> _Source:
    table = _make_table(chunks)
    if isinstance(decode, RowReader):
        return _Source(chunks, partial(_number_records, table), tf.TensorSpec([], tf.int64), decode.read_rows)
    return _Source(chunks, partial(_read_chunks, table, chunks, in_turn), tf.TensorSpec([], tf.string), decode)


def _read_in_order(source: _Source) -> tf.data.Dataset:
    """The records or their numbers in the order of the files, as vectors."""
    return source.read(tf.range(len(source.chunks), dtype=tf.int64))


def _read_shuffled(source: _Source, shuffle: ShuffleOptions, epoch: tf.Tensor) -> tf.data.Dataset:
    """The records of one epoch, or their numbers, shuffled, one by one."""
    seed = tf.stack([tf.constant(shuffle.seed, tf.int64), epoch])
    chunk_seed, record_seed = (tf.random.experimental.stateless_fold_in(seed, number) for number in range(2))
    order = tf.argsort(tf.random.stateless_uniform([len(source.chunks)], chunk_seed))
    records = source.read(tf.cast(order, tf.int64)).unbatch()
    record_seed = tf.cast(record_seed, tf.int64)
    # Dataset.shuffle would mix in the seed of tf.random.set_seed.
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(records),
        buffer_size=tf.constant(shuffle.buffer_size, tf.int64),
        seed=record_seed[0],
        seed2=record_seed[1],
        output_types=[source.element.dtype],
        output_shapes=[source.element.shape],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, source.element)


def _make_table(chunks: Sequence[RecordChunk]) -> _ChunkTable:
    files = list(dict.fromkeys(file for chunk in chunks for file in chunk.files))
    number_of = {file: number for number, file in enumerate(files)}
    return _ChunkTable(
        tf.constant(files),
        tf.constant([number_of[chunk.files[0]] for chunk in chunks], tf.int64),
        tf.constant([number_of[chunk.files[-1]] for chunk in chunks], tf.int64),
        tf.constant([chunk.offset for chunk in chunks], tf.int64),
        tf.constant([-1 if chunk.count is None else chunk.count for chunk in chunks], tf.int64),
    )


def _number_records(table: _ChunkTable, order: tf.Tensor) -> tf.data.Dataset:
    """The numbers of the records of chunks in the given order, int64 ``[c]``, as vectors of one chunk each."""
    ends = tf.cumsum(table.count)
    return tf.data.Dataset.from_tensor_slices(order).map(
        without_autograph(lambda chunk: tf.range(ends[chunk] - table.count[chunk], ends[chunk]))
    )


def _read_chunks(table: _ChunkTable, chunks: Sequence[RecordChunk], in_turn: int, order: tf.Tensor) -> tf.data.Dataset:
    """The records of chunks in the given order, as vectors.

    Args:
        in_turn: the number of chunks that are read in turn, one vector of each.
        order: indices of chunks, int64 ``[c]``.

    Returns:
        A dataset of string ``[n]``: one whole chunk where its number of records is known, else up to ``CHUNK_SIZE``.
    """
    compressed = compression_type(chunks[0].files)
    buffer_size = _READ_BUFFER_BYTES if chunks[0].count is None else 0
    vector_size = max(chunk.count or CHUNK_SIZE for chunk in chunks)

    def read_chunk(chunk: tf.Tensor) -> tf.data.Dataset:
        first, last = table.first[chunk], table.last[chunk]
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=table.files[first : last + 1],
            compression_type=compressed,
            buffer_size=buffer_size,
            byte_offsets=tf.pad(table.offset[chunk : chunk + 1], [[0, last - first]]),
        )
        records = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
        return records.take(table.count[chunk]).batch(vector_size)

    return tf.data.Dataset.from_tensor_slices(order).interleave(
        without_autograph(read_chunk),
        cycle_length=in_turn,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def _parallel_map(dataset: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    return dataset.map(without_autograph(function), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _dataset_options() -> tf.data.Options:
    """Each core decodes batches of its own.

    Ops that share one batch among threads cost a tenth of the time to read, and gain nothing where each thread has a
    batch of its own.
    """
    options = plain_options()
    options.threading.max_intra_op_parallelism = 1
    return options
