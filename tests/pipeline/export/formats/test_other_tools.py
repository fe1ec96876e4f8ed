"""Exports are read by the very tools they are for, where those are installed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from PIL import Image

from diptych.pipeline.export.dataset import export_dataset
from tests.helpers import SMALL
from tests.pipeline.export.formats.runs import ANY_TEXTS, FILES, pixels_of, write_run

one_label_or_multilabel = pytest.mark.parametrize("multilabel", [False, True], ids=["one label", "multilabel"])


def export(folder: Path, to: str, multilabel: bool) -> str:
    return export_dataset(str(write_run(folder / "run", SMALL, multilabel)), to, str(folder / "out")).output


def check(found: list[tuple[Any, str]]) -> None:
    """Pixels and texts of all examples, in order."""
    assert [text for _, text in found] == list(ANY_TEXTS)
    for number, (pixels, _) in enumerate(found):
        assert np.array_equal(np.asarray(pixels), pixels_of(number))


@one_label_or_multilabel
def test_tfds_reads_it(tmp_path: Path, multilabel: bool) -> None:
    tfds = pytest.importorskip("tensorflow_datasets", reason="tensorflow-datasets is not installed")
    builder = tfds.builder_from_directory(export(tmp_path, "tfds", multilabel))
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        name: count for name, (_, count) in FILES.items()
    }
    rows = [row for split in FILES for row in tfds.as_numpy(builder.as_dataset(split=split))]
    check([(row["image"], row["description"].decode()) for row in rows])
    label = builder.info.features["label"]
    names = label.feature.names if multilabel else label.names
    labels = [names[place] for place in np.ravel(rows[1]["label"])]
    assert labels == (["a, b", "cat"] if multilabel else ["dog"])


@one_label_or_multilabel
def test_webdataset_reads_it(tmp_path: Path, multilabel: bool) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    output = Path(export(tmp_path, "webdataset", multilabel))
    shards = [str(shard) for split in FILES for shard in sorted(output.glob(f"{split}-*.tar"))]
    rows = list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    check([(row["png"], row["json"]["description"]) for row in rows])
    assert rows[1]["json"]["label"] == (["a, b", "cat"] if multilabel else "dog")
    assert multilabel or rows[1]["cls"] == 2


@one_label_or_multilabel
def test_hugging_face_reads_it(tmp_path: Path, multilabel: bool) -> None:
    datasets = pytest.importorskip("datasets", reason="Hugging Face's datasets is not installed")
    found = datasets.load_dataset(
        "parquet", data_dir=export(tmp_path, "parquet", multilabel), cache_dir=str(tmp_path / "cache")
    )
    rows = [row for split in ("train", "validation", "test") for row in found[split]]
    check([(row["image"], row["description"]) for row in rows])
    assert rows[1]["label"] == (["a, b", "cat"] if multilabel else "dog")


@one_label_or_multilabel
def test_pandas_reads_the_parquet(tmp_path: Path, multilabel: bool) -> None:
    output = export(tmp_path, "parquet", multilabel)
    found = pandas.concat(pandas.read_parquet(f"{output}/{split}.parquet") for split in FILES)
    images = [Image.open(io.BytesIO(image["bytes"])) for image in found["image"]]
    check(list(zip(images, found["description"], strict=True)))
    assert np.ravel(found["label"].iloc[1]).tolist() == (["a, b", "cat"] if multilabel else ["dog"])


def test_images_alone_are_read_by_tfds_webdataset_and_pandas(tmp_path: Path) -> None:
    tfds = pytest.importorskip("tensorflow_datasets", reason="tensorflow-datasets is not installed")
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    run = str(write_run(tmp_path / "run", texts=False))
    outputs = {to: export_dataset(run, to, str(tmp_path / to)).output for to in ("tfds", "webdataset", "parquet")}
    builder = tfds.builder_from_directory(outputs["tfds"])
    (row,) = tfds.as_numpy(builder.as_dataset(split="train").take(1))
    assert row.keys() == {"id", "group", "image", "label"}
    assert np.array_equal(row["image"], pixels_of(0))
    shard = str(Path(outputs["webdataset"]) / "train-00000.tar")
    sample = next(iter(webdataset.WebDataset([shard], shardshuffle=False).decode("rgb8")))
    assert {"png", "cls", "json"} <= sample.keys() and "txt" not in sample
    assert "description" not in pandas.read_parquet(f"{outputs['parquet']}/train.parquet").columns
