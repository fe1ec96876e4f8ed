"""tf.data over the records of any run, or of ``diptych export``: TensorFlow alone, no TFX.

The order of training is a function of seed, epoch and files, and of nothing else: not of threads, of what was read
before, or of ``tf.random.set_seed``. It is made in two steps, so that a catalogue sorted by label is well mixed though
memory holds only ``ShuffleOptions.buffer`` records. First, parts of ``CHUNK_RECORDS`` records, of one file or many, are put in an
order of each epoch's own and read eight at a time; then the buffer gives its records at random. On 20,000 records
sorted by ten labels, the variance of a label's share in batches of 64 is 1.2 times that of batches drawn from all
(``Dataset.shuffle`` alone, with the same buffer of 4,096: 10.8 times). Compressed and remote files can only be read
from their start: each is one part.

Bound with ``functools.partial``, ``input_fn_train`` and ``input_fn_eval`` are what ``tf.estimator`` takes as
``input_fn`` (up to TensorFlow 2.15, the last that has it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from diptych.models.errors import DatasetError
from diptych.models.tfrecords import RecordChunk, compression_type, match_files, read_records, split_into_chunks

#: A batch of serialised records, string ``[b]``, to ``(inputs, label)`` or whatever else the model takes.
DecodeFn = Callable[[tf.Tensor], Any]
#: Inputs, label and a seed for stateless ops, int64 ``[2]``, another for each batch, to inputs and label.
AugmentFn = Callable[[Any, Any, tf.Tensor], tuple[Any, Any]]
#: Files, patterns of them, or the parts that ``shard_for_worker`` gave.
Files = Sequence[str] | Sequence[RecordChunk]

#: Records that lie, and are read, together.
CHUNK_RECORDS = 32

_PLACES = 8
_AHEAD = 4
# Of a file that is read from start to end; parts are read straight into their records, without a copy between.
_READ_BYTES = 1 << 18
_FOREVER = 1 << 62


@dataclass(frozen=True)
class ShuffleOptions:
    """How records are mixed.

    Attributes:
        buffer: records held in memory to draw from.
        seed: of every epoch's order.
    """

    buffer: int = 4096
    seed: int = 0


@dataclass(frozen=True)
class StreamPosition:
    """A place in the stream of training: so many whole epochs, and so many batches of the next, have been taken."""

    epoch: int = 0
    batch: int = 0


STREAM_START = StreamPosition()


class _Table(NamedTuple):
    """Parts as tensors: all files string ``[f]``; first and last file, offset and records (-1: all) int64 ``[p]``."""

    files: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    offset: tf.Tensor
    records: tf.Tensor


def read_dataset(
    files: Files, *, batch_size: int, decode: DecodeFn | None = None, shuffle: ShuffleOptions | None = None
) -> tf.data.Dataset:
    """Every record once.

    Args:
        files: uncompressed or ``.gz`` TFRecord files, patterns of them, or parts.
        batch_size: records of each batch but the last.
        decode: what becomes of a batch; None leaves serialised records, string ``[b]``.
        shuffle: None keeps the order of the files; else it is that of training's first epoch, each time.

    Raises:
        ValueError: no file matches, a file is no TFRecord file, or there is no record.
    """
    parts = _parts(files, CHUNK_RECORDS if shuffle else batch_size)
    if shuffle:
        batches = _shuffled(parts, shuffle, tf.constant(0, tf.int64)).batch(batch_size)
    elif all(part.records == batch_size for part in parts[:-1]):
        batches = _in_order(parts)
    else:
        batches = _in_order(parts).unbatch().batch(batch_size)
    if decode is not None:
        batches = _map(batches, decode)
    return batches.prefetch(_AHEAD).with_options(_options())


def input_fn_train(
    files: Files,
    *,
    batch_size: int,
    decode: DecodeFn,
    shuffle: ShuffleOptions = ShuffleOptions(),
    augment: AugmentFn | None = None,
    start: StreamPosition = STREAM_START,
) -> tf.data.Dataset:
    """Batches without end, shuffled anew in each epoch; each epoch holds every record once, its last batch the rest.

    From ``start`` on, the stream is exactly what it would have been there, augmentation included: epochs before it are
    not read, and batches before it are read but not decoded.

    Args:
        augment: what is done to a batch that ``decode`` gave as ``(inputs, label)``.

    Raises:
        ValueError: as ``read_dataset``.
    """
    parts = _parts(files, CHUNK_RECORDS)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        batches = _shuffled(parts, shuffle, number).batch(batch_size).enumerate()
        return batches.map(lambda batch, records: (records, number, batch))

    def finish(records: tf.Tensor, number: tf.Tensor, batch: tf.Tensor) -> Any:
        if augment is None:
            return decode(records)
        inputs, label = decode(records)
        seed = tf.stack([tf.constant(shuffle.seed, tf.int64), number])
        return augment(inputs, label, tf.random.experimental.stateless_fold_in(seed, batch))

    epochs = tf.data.Dataset.range(start.epoch, _FOREVER).flat_map(_as_it_is(epoch))
    batches = _map(epochs.skip(start.batch), finish)
    endless = batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    return endless.prefetch(_AHEAD).with_options(_options())


def input_fn_eval(files: Files, *, batch_size: int, decode: DecodeFn) -> tf.data.Dataset:
    """``read_dataset`` for evaluation: every record once, in the order of the files."""
    return read_dataset(files, batch_size=batch_size, decode=decode)


def shard_for_worker(files: Sequence[str], index: int, count: int) -> list[RecordChunk]:
    """One worker's share of the records, for ``files`` of the functions above.

    The shares of all workers hold each record once. Parts of ``CHUNK_RECORDS`` records are dealt in turn, so that shares differ
    by ``CHUNK_RECORDS`` records at most and each has some of every region of the dataset; compressed and remote files are dealt
    whole.

    Args:
        index: which worker, from 0.
        count: how many workers there are.

    Raises:
        ValueError: as ``read_dataset``; or there is no such worker, or nothing left for it.
    """
    if not 0 <= index < count:
        raise ValueError(f"there is no worker {index} among {count}: index goes from 0 to {count - 1}")
    parts = split_into_chunks(match_files(files), CHUNK_RECORDS)
    if len(parts) < count:
        raise ValueError(
            f"{count} workers cannot share {len(parts)} parts of {list(files)}: use fewer workers, or uncompressed "
            f"local files of at least {(count - 1) * CHUNK_RECORDS + 1} records"
        )
    return parts[index::count]


def _parts(files: Files, records: int) -> list[RecordChunk]:
    parts = [part for part in files if isinstance(part, RecordChunk)]
    if not parts:
        names = match_files([file for file in files if isinstance(file, str)])
        parts = split_into_chunks(names, records)
        if not parts or parts[0].records is None and not len(list(read_records(names).take(1))):
            raise DatasetError(f"no record in {names}")
    return parts


def _in_order(parts: Sequence[RecordChunk]) -> tf.data.Dataset:
    """Vectors of at most ``CHUNK_RECORDS`` records, or of a whole part."""
    # A whole file gives many vectors, which reading by turns would mix.
    places = 1 if parts[0].records is None else _PLACES
    return _read(_table(parts), tf.range(len(parts), dtype=tf.int64), parts, places)


def _shuffled(parts: Sequence[RecordChunk], shuffle: ShuffleOptions, epoch: tf.Tensor) -> tf.data.Dataset:
    """An epoch's records, one by one."""
    seed = tf.stack([tf.constant(shuffle.seed, tf.int64), epoch])
    # Two seeds of their own for the order of the parts and of the records.
    order = tf.argsort(tf.random.stateless_uniform([len(parts)], tf.random.experimental.stateless_fold_in(seed, 0)))
    records = _read(_table(parts), tf.cast(order, tf.int64), parts, _PLACES).unbatch()
    drawn = tf.cast(tf.random.experimental.stateless_fold_in(seed, 1), tf.int64)
    # Dataset.shuffle would mix in the seed of tf.random.set_seed.
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(records),
        buffer_size=tf.constant(shuffle.buffer, tf.int64),
        seed=drawn[0],
        seed2=drawn[1],
        output_types=[tf.string],
        output_shapes=[tf.TensorShape([])],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))


def _table(parts: Sequence[RecordChunk]) -> _Table:
    files = list(dict.fromkeys(file for part in parts for file in part.files))
    place = {file: number for number, file in enumerate(files)}
    return _Table(
        tf.constant(files),
        tf.constant([place[part.files[0]] for part in parts], tf.int64),
        tf.constant([place[part.files[-1]] for part in parts], tf.int64),
        tf.constant([part.offset for part in parts], tf.int64),
        tf.constant([-1 if part.records is None else part.records for part in parts], tf.int64),
    )


def _read(table: _Table, order: tf.Tensor, parts: Sequence[RecordChunk], places: int) -> tf.data.Dataset:
    """Records of parts in some order, as vectors: a part that was split_into_chunks is one."""
    compressed = compression_type(parts[0].files)
    buffer = _READ_BYTES if parts[0].records is None else 0
    together = max(part.records or CHUNK_RECORDS for part in parts)

    def read(part: tf.Tensor) -> tf.data.Dataset:
        first, last = table.first[part], table.last[part]
        offsets = tf.pad(table.offset[part : part + 1], [[0, last - first]])
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=table.files[first : last + 1],
            compression_type=compressed,
            buffer_size=buffer,
            byte_offsets=offsets,
        )
        records = tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
        return records.take(table.records[part]).batch(together)

    return tf.data.Dataset.from_tensor_slices(order).interleave(
        _as_it_is(read), cycle_length=places, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def _map(dataset: tf.data.Dataset, function: Callable[..., Any]) -> tf.data.Dataset:
    return dataset.map(_as_it_is(function), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """AutoGraph would rewrite TFT's and Keras's code below a call, which takes longer than an epoch."""
    wrapped: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return wrapped


def _options() -> tf.data.Options:
    """Each core decodes batches of its own, and nothing is tuned or rewritten behind that.

    The thread that tries other numbers sleeps ever longer, up to a minute, and dropping an iterator now and then waits
    until it wakes: a fit then takes up to twice its time. Rewriting a graph that holds Transform's takes a third of
    what making an iterator takes, and makes nothing faster. An op that shares one batch out among threads costs a tenth
    of reading's time, and gains nothing where each thread has a batch.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.threading.max_intra_op_parallelism = 1
    return options
