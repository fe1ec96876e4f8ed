"""Datasets give every record once, in an order that depends only on the seed and the position in the stream."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.models.dataset import (
    CHUNK_SIZE,
    ShuffleOptions,
    StreamPosition,
    input_fn_eval,
    input_fn_train,
    read_dataset,
    shard_for_worker,
)

COUNT = 150
SHUFFLE = ShuffleOptions(buffer_size=40, seed=3)


def write(path: Path, numbers: Sequence[int]) -> str:
    """Writes a file whose records are numbers of different lengths, and returns its path."""
    kind = "GZIP" if path.suffix == ".gz" else ""
    with tf.io.TFRecordWriter(str(path), kind) as writer:
        for number in numbers:
            writer.write(b"%d" % number)
    return str(path)


def write_consecutive(folder: Path, ends: Sequence[int], suffix: str = "") -> list[str]:
    """Writes files of consecutive numbers: the first holds those from ``ends[0]`` up to ``ends[1]``, and so on."""
    bounds = zip(ends[:-1], ends[1:], strict=True)
    return [write(folder / f"{n}{suffix}", range(start, end)) for n, (start, end) in enumerate(bounds)]


def as_number(records: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_number(records, tf.int64)


def batches(dataset: tf.data.Dataset, count: int = -1) -> list[list[int]]:
    return [batch.tolist() for batch in dataset.take(count).as_numpy_iterator()]


def flat(nested: list[list[int]]) -> list[int]:
    return [number for batch in nested for number in batch]


@pytest.fixture(scope="module", params=["tfrecord", "gz"])
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A pattern of three files with 150 records in all; the second file has one record."""
    folder = tmp_path_factory.mktemp("records")
    write_consecutive(folder, [0, 70, 71, COUNT], f".{request.param}")
    return [str(folder / "*")]


@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=6), size=st.integers(1, 12))
@settings(max_examples=25)
def test_reading_keeps_the_order_of_the_files_and_fills_each_batch(counts: list[int], size: int) -> None:
    ends = np.cumsum([0, *counts]).tolist()
    with TemporaryDirectory() as name:
        paths = write_consecutive(Path(name), ends)
        if not ends[-1]:
            with pytest.raises(ValueError, match="no record in"):
                read_dataset(paths, batch_size=size)
            return
        found = batches(read_dataset(paths, batch_size=size, decode=as_number))
    assert found == [list(range(start, min(start + size, ends[-1]))) for start in range(0, ends[-1], size)]


@pytest.mark.parametrize("size", [1, 16, 200])
def test_evaluation_reads_compressed_files_too(files: list[str], size: int) -> None:
    found = batches(input_fn_eval(files, batch_size=size, decode=as_number))
    assert flat(found) == list(range(COUNT))
    assert {len(batch) for batch in found[:-1]} <= {size}


def test_without_a_decoder_records_come_serialised(files: list[str]) -> None:
    dataset = read_dataset(files, batch_size=COUNT)
    assert dataset.element_spec == tf.TensorSpec([None], tf.string)
    assert next(dataset.as_numpy_iterator()).tolist() == [b"%d" % number for number in range(COUNT)]


def test_each_epoch_holds_every_record_once_in_an_order_of_its_own(files: list[str]) -> None:
    found = batches(input_fn_train(files, batch_size=16, decode=as_number, shuffle=SHUFFLE), 30)
    assert [len(batch) for batch in found] == 3 * ([16] * 9 + [6])
    epochs = [flat(found[start : start + 10]) for start in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_the_seed_alone_decides_the_order(files: list[str]) -> None:
    def stream(seed: int, global_seed: int) -> list[list[int]]:
        tf.random.set_seed(global_seed)
        return batches(input_fn_train(files, batch_size=16, decode=as_number, shuffle=ShuffleOptions(40, seed)), 12)

    assert stream(3, 1) == stream(3, 2)
    assert stream(3, 1) != stream(4, 1)


def test_shuffled_reading_is_the_first_epoch_each_time(files: list[str]) -> None:
    dataset = read_dataset(files, batch_size=16, decode=as_number, shuffle=SHUFFLE)
    first = batches(input_fn_train(files, batch_size=16, decode=as_number, shuffle=SHUFFLE), 10)
    assert batches(dataset) == batches(dataset) == first


@given(epoch=st.integers(0, 2), batch=st.integers(0, 9), buffer=st.integers(1, 2 * COUNT))
@settings(max_examples=10)
def test_a_stream_continues_identically_from_any_place(epoch: int, batch: int, buffer: int) -> None:
    def mark(inputs: tf.Tensor, label: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return inputs, label + tf.random.stateless_uniform([], seed)

    def stream(start: StreamPosition) -> tf.data.Dataset:
        return input_fn_train(
            [path],
            batch_size=16,
            decode=lambda records: (as_number(records), tf.zeros(tf.shape(records))),
            shuffle=ShuffleOptions(buffer, 5),
            augment=mark,
            start=start,
        )

    with TemporaryDirectory() as name:
        path = write(Path(name, "data"), range(COUNT))
        whole = list(stream(StreamPosition()).take(10 * epoch + batch + 15).as_numpy_iterator())
        resumed = list(stream(StreamPosition(epoch, batch)).take(15).as_numpy_iterator())
    for (numbers, marks), (wanted_numbers, wanted_marks) in zip(resumed, whole[10 * epoch + batch :], strict=True):
        assert numbers.tolist() == wanted_numbers.tolist()
        assert marks.tolist() == wanted_marks.tolist()


def test_what_lies_before_the_place_is_not_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "data", range(COUNT))
    seen: list[int] = []

    def decode(records: tf.Tensor) -> tf.Tensor:
        return tf.numpy_function(lambda numbers: seen.append(len(numbers)) or numbers, [as_number(records)], tf.int64)

    batches(input_fn_train([path], batch_size=10, decode=decode, start=StreamPosition(0, 14)).take(1))
    # Some batches are decoded in advance, but far fewer than lie before the position.
    assert 1 <= len(seen) < 14


def test_each_batch_is_augmented_by_a_seed_of_its_own(files: list[str]) -> None:
    def draw(inputs: tf.Tensor, label: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return inputs, tf.random.stateless_uniform([], seed)

    dataset = input_fn_train(
        files, batch_size=16, decode=lambda records: (records, records), shuffle=SHUFFLE, augment=draw
    )
    assert len({float(drawn) for _, drawn in dataset.take(25).as_numpy_iterator()}) == 25


@given(counts=st.lists(st.integers(1, 3 * CHUNK_SIZE), min_size=1, max_size=4), workers=st.integers(1, 4))
@settings(max_examples=20)
def test_workers_share_all_records_about_equally(counts: list[int], workers: int) -> None:
    ends = np.cumsum([0, *counts]).tolist()
    with TemporaryDirectory() as name:
        paths = write_consecutive(Path(name), ends)
        if ends[-1] <= (workers - 1) * CHUNK_SIZE:
            with pytest.raises(ValueError, match="cannot share"):
                shard_for_worker(paths, 0, workers)
            return
        shares = [shard_for_worker(paths, worker, workers) for worker in range(workers)]
        read = [flat(batches(read_dataset(share, batch_size=50, decode=as_number))) for share in shares]
        share = len(read[0])
        epoch = batches(input_fn_train(shares[0], batch_size=share, decode=as_number, shuffle=SHUFFLE), 1)[0]
    assert sorted(number for share in read for number in share) == list(range(ends[-1]))
    assert max(map(len, read)) - min(map(len, read)) <= CHUNK_SIZE
    assert sorted(epoch) == sorted(read[0])


def test_a_worker_that_does_not_exist_is_told(files: list[str]) -> None:
    with pytest.raises(ValueError, match="no worker 2 among 2: index goes from 0 to 1"):
        shard_for_worker(files, 2, 2)


def test_records_sorted_by_label_are_mixed_about_as_if_drawn_from_all(tmp_path: Path) -> None:
    count, labels, size = 20_000, 10, 64
    path = write(tmp_path / "data", [number * labels // count for number in range(count)])
    found = batches(input_fn_train([path], batch_size=size, decode=as_number), 2 * (count // size + 1))
    shares = np.array([np.bincount(batch, minlength=labels) for batch in found if len(batch) == size])
    drawn = size * (1 / labels) * (1 - 1 / labels)
    assert 0.8 * drawn < shares.var(axis=0).mean() < 1.4 * drawn


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no TFRecord file matches"):
        read_dataset([str(tmp_path / "*")], batch_size=4)


def test_half_a_file_is_told(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "data", range(9)))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="is no whole TFRecord file"):
        read_dataset([str(path)], batch_size=4)


def test_bound_arguments_make_an_input_fn(files: list[str]) -> None:
    input_fn = partial(input_fn_train, files, batch_size=16, decode=as_number)
    assert input_fn().element_spec == tf.TensorSpec([None], tf.int64)
