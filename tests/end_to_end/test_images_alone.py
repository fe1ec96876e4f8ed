"""The whole pipeline on pictures without any description, from the catalogue to the served model and its report."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models import features
from diptych.pipeline.cli.main import main
from diptych.pipeline.demo.digits import write_digits_catalogue
from tests.components.report.test_browser import CHROMIUM, browse, console_lines

pytestmark = pytest.mark.e2e

ROWS = 320
CONFIG = """
name: alone
data: {catalogue: data/catalogue.csv, columns: {description: null}, splits: {train: 0.7, val: 0.15, test: 0.15}}
image: {height: 24, width: 24}
model: {image: {backbone: cnn, filters: [16, 32], units: 32}}
train: {epochs: 12, batch_size: 16, patience: 12}
evaluate: {thresholds: {accuracy: 0.5}, gain_over_baseline: {accuracy: -0.3}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the catalogue of images and labels, and a run of it that ended well."""
    folder = tmp_path_factory.mktemp("alone")
    write_digits_catalogue(str(folder / "data"))
    with (folder / "data" / "catalogue.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:ROWS]
    with (folder / "data" / "catalogue.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "label"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    (folder / "diptych.yaml").write_text(CONFIG)
    assert main(["run", str(folder / "diptych.yaml"), "--output", str(folder / "run")]) == 0
    return folder


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run" / "summary.json").read_text()))


def test_the_classes_are_learned_and_compared_with_a_model_of_images(summary: dict[str, Any]) -> None:
    assert summary["rows"] == ROWS == sum(summary["examples"].values())
    assert set(summary["labels"]) == {f"digit {digit}" for digit in range(10)}
    assert summary["baseline"].keys() == {"image"}
    # By guesses it would be a tenth.
    assert summary["baseline"]["image"]["accuracy"] > 0.7
    assert summary["metrics"]["accuracy"] > 0.5
    assert summary["blessed"] is True
    assert any("linear image baseline" in reason for reason in summary["blessing_reasons"])


def test_records_and_schema_know_no_description(summary: dict[str, Any]) -> None:
    import tensorflow as tf

    artifacts = summary["artifacts"]
    files = sorted(map(str, Path(artifacts["ImageTextExampleGen"]["examples"]).glob("Split-*/*")))
    for record in tf.data.TFRecordDataset(files).as_numpy_iterator():
        assert features.DESCRIPTION not in tf.train.Example.FromString(record).features.feature
    assert "description" not in (Path(artifacts["SchemaGen"]["schema"]) / "schema.pbtxt").read_text()


def test_the_served_model_takes_images_alone(folder: Path, summary: dict[str, Any]) -> None:
    import tensorflow as tf

    with (folder / "data" / "catalogue.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    images = [(folder / "data" / row["image"]).read_bytes() for row in rows]
    model = tf.saved_model.load(summary["pushed"])
    answer = model.signatures["classify"](image=tf.constant(images))
    assert not any(answer["error"].numpy())
    best = [label.decode() for label in answer["labels"].numpy()[:, 0]]
    assert np.mean([found == row["label"] for found, row in zip(best, rows, strict=True)]) > 0.5


def test_the_command_line_asks_it_without_texts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, image = str(folder / "run"), str(folder / "data" / "images" / "digit-0007.png")
    assert main(["predict", run, image]) == 0
    assert image in capsys.readouterr().out
    assert main(["predict", run, image, "--text", "a figure"]) == 2
    assert "leave --text out" in capsys.readouterr().err


def test_the_report_shows_pictures_and_no_texts(summary: dict[str, Any], tmp_path: Path) -> None:
    page = Path(summary["artifacts"]["Report"]["report"]) / "report.html"
    text = page.read_text(encoding="utf-8")
    assert 'id="text"' not in text
    assert "Linear image baseline" in text
    if CHROMIUM is None:
        pytest.skip("Chromium is missing: apt install chromium")
    opened = tmp_path / "report.html"
    shutil.copy(page, opened)
    found: subprocess.CompletedProcess[str] = browse(opened, "--dump-dom")
    assert console_lines(found) == []
    assert found.stdout.count("<img") > 20
    assert "digit 3" in found.stdout
