"""Rows that were decoded once are, for every decoder and form of the text, those of the records in the same order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diptych.models.dataset import ShuffleOptions, input_fn_eval, input_fn_train
from diptych.models.decoders.bag_of_words import dense_inputs, padded_inputs, sparse_inputs
from diptych.models.decoders.exported_tfrecord import ExportedTFRecordDecoder
from diptych.models.errors import DatasetError
from diptych.models.mapped_rows import MappedRows, decode_once
from tests.helpers import SMALL
from tests.models.decoders.test_exported_tfrecord import exported

COUNT = 100
TERMS = 9


def write(path: Path, kind: str = "") -> str:
    """Writes records of none to three terms each, so that some have no text at all."""
    with tf.io.TFRecordWriter(str(path), kind) as writer:
        for number in range(COUNT):
            terms = {n: n + 0.5 for n in sorted((number + 2 * n) % TERMS for n in range(number % 4))}
            writer.write(exported(number, terms, [number % 2, 1 - number % 2]))
    return str(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("records") / "train.tfrecords")


def decoder(form: Any = padded_inputs) -> ExportedTFRecordDecoder:
    return ExportedTFRecordDecoder(SMALL, terms=TERMS, classes=2, text_format=form)


def assert_equal(one: tf.data.Dataset, other: tf.data.Dataset, batches: int) -> None:
    assert one.element_spec == other.element_spec
    pairs = list(zip(one.take(batches), other.take(batches), strict=True))
    assert pairs
    for pair in pairs:
        tensors = (tf.nest.flatten(batch, expand_composites=True) for batch in pair)
        for a, b in zip(*tensors, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("form", [padded_inputs, sparse_inputs, dense_inputs])
def test_rows_are_those_of_the_records_in_every_form(file: str, form: Any) -> None:
    decode = decoder(form)
    rows = decode_once([file], decode)
    assert isinstance(rows, MappedRows)
    # Three epochs, the last batch of each of which is a smaller one.
    shuffle = ShuffleOptions(buffer_size=20, seed=5)
    ours, streamed = (input_fn_train([file], batch_size=30, decode=each, shuffle=shuffle) for each in (rows, decode))
    assert_equal(ours, streamed, batches=12)
    assert_equal(*(input_fn_eval([file], batch_size=30, decode=each) for each in (rows, decode)), batches=-1)


def test_images_alone_are_kept_too(file: str) -> None:
    decode = ExportedTFRecordDecoder(SMALL, terms=None, classes=2)
    rows = decode_once([file], decode)
    assert isinstance(rows, MappedRows)
    assert_equal(*(input_fn_eval([file], batch_size=7, decode=each) for each in (rows, decode)), batches=-1)


def test_what_takes_too_much_or_is_compressed_is_decoded_in_each_epoch(file: str, tmp_path: Path) -> None:
    decode = decoder()
    pixels = COUNT * SMALL.height * SMALL.width * 3
    assert decode_once([file], decode, most_gb=pixels / 1e9) is decode
    assert isinstance(decode_once([file], decode, most_gb=2 * pixels / 1e9), MappedRows)
    assert decode_once([write(tmp_path / "a.tfrecords.gz", "GZIP")], decode) is decode


def test_files_without_a_record_and_damaged_ones_are_errors(file: str, tmp_path: Path) -> None:
    empty, damaged = tmp_path / "empty.tfrecords", tmp_path / "damaged.tfrecords"
    empty.write_bytes(b"")
    content = bytearray(Path(file).read_bytes())
    content[len(content) // 2] ^= 255
    damaged.write_bytes(content)
    with pytest.raises(DatasetError, match=r"no record in .*empty"):
        decode_once([str(empty)], decoder())
    with pytest.raises(tf.errors.DataLossError):
        decode_once([str(damaged)], decoder())
