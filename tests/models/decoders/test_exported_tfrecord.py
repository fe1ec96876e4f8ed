"""Records of ``diptych export --to tfrecord`` are decoded in every form of the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from diptych.models import features
from diptych.models.dataset import read_dataset
from diptych.models.decoders.bag_of_words import dense_inputs, padded_inputs, sparse_inputs
from diptych.models.decoders.exported_tfrecord import ExportedTFRecordDecoder
from tests.helpers import SMALL, noise


def exported(number: int, terms: dict[int, float], label: list[int]) -> bytes:
    """A record as ``diptych export --to tfrecord`` writes it."""
    pixels = noise(number, SMALL.height, SMALL.width).tobytes()
    feature = {
        features.IMAGE: tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels])),
        features.DESCRIPTION_INDEX: tf.train.Feature(int64_list=tf.train.Int64List(value=list(terms))),
        features.DESCRIPTION_VALUE: tf.train.Feature(float_list=tf.train.FloatList(value=list(terms.values()))),
        features.LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=label)),
    }
    return bytes(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


@pytest.mark.parametrize("form", [padded_inputs, sparse_inputs, dense_inputs])
def test_exported_records_are_read_in_every_form(tmp_path: Path, form: Any) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "train.tfrecords")) as writer:
        writer.write(exported(0, {0: 1.0, 3: 2.0}, [1, 0]))
        writer.write(exported(1, {}, [0, 1]))
    decoder = ExportedTFRecordDecoder(SMALL, terms=5, classes=2, text_format=form)
    ((inputs, label),) = read_dataset([str(tmp_path / "train.tfrecords")], batch_size=2, decode=decoder)
    assert (inputs["image"].numpy() == [noise(n, SMALL.height, SMALL.width) for n in range(2)]).all()
    assert label.numpy().tolist() == [[1, 0], [0, 1]]
    if form is padded_inputs:
        assert inputs["description_ids"].numpy().tolist() == [[1, 4], [0, 0]]
        assert inputs["description_values"].numpy().tolist() == [[1, 2], [0, 0]]
    else:
        bag = inputs["description"]
        full = tf.sparse.to_dense(bag) if form is sparse_inputs else bag
        assert full.numpy().tolist() == [[1, 0, 0, 2, 0], [0] * 5]
