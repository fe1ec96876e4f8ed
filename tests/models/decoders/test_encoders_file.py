"""With the encoders file instead of the Transform graph, records are decoded equally, and without TFX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models import features
from diptych.models.dataset import read_dataset
from diptych.models.decoders.encoders_file import EncodersFileDecoder
from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.labels import LabelOptions
from diptych.models.text.options import EncodingOptions, TextOptions
from diptych.models.text.sklearn_encoders import export_encoders
from tests.helpers import SMALL, record_values, write_records
from tests.models.text.graphs import fit_graph

TEXTS = ["a red Çay cup", "two red cups", "ÇAY, çay!", "cup cup cup of tea", "nothing known"]
ENCODINGS = {
    "tf-idf, one label": EncodingOptions(
        text=TextOptions(encoding="tfidf", ngrams=(1, 2)), label=LabelOptions(unknown="b")
    ),
    "sequence, several labels": EncodingOptions(
        text=TextOptions(encoding="sequence", length=4, oov="bucket"), task="multilabel"
    ),
}
LABELS: dict[str, list[Any]] = {
    "multiclass": ["b", "a", "b", "c", "strange"],
    "multilabel": [["a", "b"], ["b"], ["c"], ["a", "c"], ["a", "strange"]],
}


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=list(ENCODINGS))
def test_inputs_and_labels_are_those_of_the_graph(encoding: EncodingOptions, tmp_path: Path) -> None:
    labels = LABELS[encoding.task]
    graph = fit_graph(tmp_path / "graph", TEXTS[:-1], labels[:-1], encoding)
    encoders = export_encoders(str(tmp_path / "graph"), str(tmp_path / "encoders.json"))
    rows = [
        record_values(number, **{features.DESCRIPTION: text, features.LABEL: label})
        for number, (text, label) in enumerate(zip(TEXTS, labels, strict=True))
    ]
    file = str(write_records(tmp_path / "data.tfrecord", rows))
    decoders = (EncodersFileDecoder(encoders, SMALL), TransformGraphDecoder(graph, SMALL, encoding.text))
    by_file, by_graph = (next(iter(read_dataset([file], batch_size=8, decode=decode))) for decode in decoders)
    assert_equal(by_file, by_graph)
    for decoder in decoders:
        assert decoder.pixel_bytes == SMALL.height * SMALL.width * 3
        assert_equal(decoder.decode_apart(*take_images_out(file)), by_graph)


def assert_equal(one: Any, other: Any) -> None:
    assert one[0].keys() == other[0].keys()
    for name in one[0]:
        assert np.array_equal(one[0][name], other[0][name]), name
    assert one[1].dtype == other[1].dtype
    assert np.array_equal(one[1], other[1])


def take_images_out(file: str) -> tuple[Any, Any]:
    """The records of a file without their images, and the pixels of these."""
    import tensorflow as tf

    examples = [tf.train.Example.FromString(record) for record in tf.data.TFRecordDataset(file).as_numpy_iterator()]
    pixels = [example.features.feature[features.IMAGE].bytes_list.value[0] for example in examples]
    for example in examples:
        del example.features.feature[features.IMAGE]
    return tf.constant([example.SerializeToString() for example in examples]), tf.io.decode_raw(pixels, tf.uint8)


def test_it_needs_no_tfx() -> None:
    code = (
        "import sys, diptych.models.decoders.encoders_file, diptych.models.dataset; "
        "sys.exit('tensorflow_transform' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
