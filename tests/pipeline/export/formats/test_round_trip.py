"""What is exported is ingested again as it was: the same rows, the same pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diptych.models import features
from diptych.models.images.decoding import decode_stored_images
from diptych.models.images.options import ImageOptions
from diptych.pipeline.export.dataset import export_dataset
from tests.helpers import SMALL
from tests.pipeline.export.formats.runs import expected, ingested, pixels_of, read_back, values_of, write_run

SPLIT = {"columns": {"split": "split"}}
#: How the catalogue that an export is, is named and read.
CATALOGUES: dict[str, tuple[str, dict[str, Any]]] = {
    "webdataset": ("", SPLIT),
    "parquet": ("/*.parquet", SPLIT),
    # The split is in the files' names.
    "tfds": ("", SPLIT),
}


def export(folder: Path, to: str, image: ImageOptions, multilabel: bool = False) -> str:
    run = write_run(folder / "run", image, multilabel)
    return export_dataset(str(run), to, str(folder / "out")).output


@pytest.mark.parametrize("multilabel", [False, True], ids=["one label", "multilabel"])
@pytest.mark.parametrize("to", CATALOGUES)
def test_rows_and_pixels_come_back(tmp_path: Path, to: str, multilabel: bool) -> None:
    output = export(tmp_path, to, SMALL, multilabel)
    pattern, options = CATALOGUES[to]
    separator = {"label_separator": ","} if multilabel else {}
    records = ingested(output + pattern, SMALL, **options, **separator)
    assert read_back(records) == expected(SMALL, multilabel)
    for number in range(10):
        record = records[f"images/{number}.x.png"]
        assert record.values[features.IMAGE] == pixels_of(number).tobytes()


@pytest.mark.parametrize("encoding", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("to", CATALOGUES)
def test_images_of_any_encoding_come_back(tmp_path: Path, to: str, encoding: Any) -> None:
    stored = SMALL.model_copy(update={"encoding": encoding})
    output = export(tmp_path, to, stored)
    pattern, options = CATALOGUES[to]
    records = ingested(output + pattern, SMALL, **options)
    assert len(records) == 10
    for number in range(10):
        found = np.frombuffer(records[f"images/{number}.x.png"].values[features.IMAGE], np.uint8)
        assert np.array_equal(found, _seen_by_training(number, stored).ravel())


def _seen_by_training(number: int, stored: ImageOptions) -> np.ndarray:
    if stored.encoding == "webp":
        # Lossless; older versions of TensorFlow do not read it.
        return pixels_of(number)
    content = values_of(number, stored, multilabel=False)[features.IMAGE]
    return np.asarray(decode_stored_images(tf.constant([content]), stored)[0])


@pytest.mark.parametrize("to", CATALOGUES)
def test_equal_datasets_give_equal_files(tmp_path: Path, to: str) -> None:
    run = write_run(tmp_path / "run")
    outputs = [Path(export_dataset(str(run), to, str(tmp_path / name)).output) for name in ("a", "b")]
    first, second = ({path.name: path.read_bytes() for path in output.iterdir()} for output in outputs)
    assert first == second


@pytest.mark.parametrize("to", CATALOGUES)
def test_images_alone_come_back_without_a_trace_of_a_text(tmp_path: Path, to: str) -> None:
    output = export_dataset(str(write_run(tmp_path / "run", texts=False)), to, str(tmp_path / "out")).output
    assert not any(b"description" in path.read_bytes() for path in Path(output).iterdir())
    pattern, options = CATALOGUES[to]
    columns = {**options["columns"], "description": None}
    found = read_back(ingested(output + pattern, SMALL, columns=columns))
    assert found == {identity: (None, *rest) for identity, (_, *rest) in expected(SMALL, False).items()}
