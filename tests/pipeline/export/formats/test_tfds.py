"""The files of an export to TFDS, checked without the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.models import features
from diptych.pipeline.export.dataset import export_dataset
from diptych.pipeline.export.errors import ExportError
from tests.helpers import record_values, write_records
from tests.pipeline.export.formats.runs import write_run

PACKAGE = "tensorflow_datasets.core.features"


def test_the_files_are_those_that_tfds_writes(tmp_path: Path) -> None:
    """As TFDS 4.9.10 wrote them for the same features and splits."""
    output = Path(export_dataset(str(write_run(tmp_path / "run")), "tfds", str(tmp_path / "out")).output)
    assert sorted(path.name for path in output.iterdir()) == [
        "dataset_info.json",
        "diptych-test.tfrecord-00000-of-00001",
        "diptych-train.tfrecord-00000-of-00002",
        "diptych-train.tfrecord-00001-of-00002",
        "diptych-val.tfrecord-00000-of-00001",
        "features.json",
        "label.labels.txt",
    ]
    image = {"dtype": "uint8", "encodingFormat": "png", "shape": {"dimensions": ["8", "10", "3"]}}
    text = {"pythonClassName": f"{PACKAGE}.text_feature.Text", "text": {}}
    assert json.loads((output / "features.json").read_text()) == {
        "featuresDict": {
            "features": {
                "description": text,
                "group": text,
                "id": text,
                "image": {"image": image, "pythonClassName": f"{PACKAGE}.image_feature.Image"},
                "label": {
                    "classLabel": {"numClasses": "3"},
                    "pythonClassName": f"{PACKAGE}.class_label_feature.ClassLabel",
                },
            }
        },
        "pythonClassName": f"{PACKAGE}.features_dict.FeaturesDict",
    }
    info = json.loads((output / "dataset_info.json").read_text())
    assert {key: info[key] for key in ("fileFormat", "name", "version")} == {
        "fileFormat": "tfrecord",
        "name": "diptych",
        "version": "1.0.0",
    }
    train = info["splits"][0]
    assert (train["name"], train["shardLengths"]) == ("train", ["3", "2"])
    # A file holds 16 bytes beside each record.
    shards = [path.stat().st_size for path in output.glob("diptych-train*")]
    assert int(train["numBytes"]) == sum(shards) - 5 * 16
    assert (output / "label.labels.txt").read_text() == "a, b\ncat\ndog\n"


def test_a_label_with_a_line_break_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_records(run / "examples" / "Split-val" / "data-00000.tfrecord", [record_values(1, label="a\nb")] * 2)
    account = run / "rejects" / "account.json"
    values = json.loads(account.read_text())
    values["labels"]["a\nb"] = dict.fromkeys(features.SPLITS, 1)
    account.write_text(json.dumps(values))
    with pytest.raises(ExportError, match=r"label 'a\\nb' has a line break"):
        export_dataset(str(run), "tfds", str(tmp_path / "out"))
