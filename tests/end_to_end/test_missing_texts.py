"""Rows without a text, kept as examples, through the whole pipeline and the served model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from diptych.models import features
from diptych.models.serving.card import read_card
from diptych.pipeline.cli.main import main
from diptych.pipeline.demo.digits import write_digits_catalogue

pytestmark = pytest.mark.e2e

ROWS, EMPTY = 160, 40
CONFIG = """
name: kept
data: {catalogue: data/catalogue.csv, missing_descriptions: keep, splits: {train: 0.6, val: 0.2, test: 0.2}}
image: {height: 16, width: 16}
text: {encoding: sequence, length: 8}
model: {image: {backbone: cnn, filters: [8], units: 8}, text: {tower: attention, units: 8}}
train: {epochs: 1, batch_size: 16}
label: {unknown: digit 0}
evaluate: {gain_over_baseline: {accuracy: -1}}
"""


def test_rows_without_a_text_are_examples_and_get_the_evaluators_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tensorflow as tf

    write_digits_catalogue(str(tmp_path / "data"))
    with (tmp_path / "data" / "catalogue.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:ROWS]
    with (tmp_path / "data" / "catalogue.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "description": "" if n < EMPTY else row["description"]} for n, row in enumerate(rows))
    settings = tmp_path / "diptych.yaml"
    settings.write_text(CONFIG)
    assert main(["run", str(settings), "--output", str(tmp_path / "run")]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (sum(summary["examples"].values()), summary["rejects"]) == (ROWS, {})
    assert np.isfinite(list(summary["metrics"].values())).all()
    assert read_card(summary["pushed"]).needs == ("image",)

    files = sorted(map(str, Path(summary["artifacts"]["ImageTextExampleGen"]["examples"]).glob("Split-*/*")))
    records = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    parsed = tf.io.parse_example(records, features.parsing_spec([features.ID, features.DESCRIPTION]))
    assert np.count_nonzero(parsed[features.DESCRIPTION].numpy() == b"") == EMPTY
    model = tf.saved_model.load(summary["pushed"])
    scores = model.signatures["serving_default"](examples=tf.constant(records))["scores"].numpy()
    by_id = dict(zip((name.decode() for name in parsed[features.ID].numpy()), scores.max(axis=1), strict=True))

    image = rows[0]["image"]
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "data" / image), "--text", "", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["scores"][0] == pytest.approx(by_id[image], abs=1e-4)

    output = tmp_path / "predictions.jsonl"
    catalogue = str(tmp_path / "data" / "catalogue.csv")
    assert main(["predict", str(tmp_path / "run"), "--catalogue", catalogue, "--output", str(output)]) == 0
    predictions = [json.loads(line) for line in output.read_text().splitlines()]
    assert {one["id"]: one["scores"][0] for one in predictions} == pytest.approx(by_id, abs=1e-4)
