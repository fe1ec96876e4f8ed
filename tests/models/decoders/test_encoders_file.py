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
    by_file, by_graph = (
        next(iter(read_dataset([file], batch_size=8, decode=decode)))
        for decode in (EncodersFileDecoder(encoders, SMALL), TransformGraphDecoder(graph, SMALL, encoding.text))
    )
    assert by_file[0].keys() == by_graph[0].keys()
    for name in by_file[0]:
        assert np.array_equal(by_file[0][name], by_graph[0][name]), name
    assert by_file[1].dtype == by_graph[1].dtype
    assert np.array_equal(by_file[1], by_graph[1])


def test_it_needs_no_tfx() -> None:
    code = (
        "import sys, diptych.models.decoders.encoders_file, diptych.models.dataset; "
        "sys.exit('tensorflow_transform' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
