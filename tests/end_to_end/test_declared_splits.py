"""A run on class folders below folders of splits, of which test has no labels: no settings, no edit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_digits

from diptych.models.errors import GATE_STOPPED, OK

pytestmark = pytest.mark.e2e

_PARTS = ("test", "valid", *["train"] * 8)


def _diptych(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "diptych", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``shapes``, of 300 digits in train, valid and test, and with the ``run`` of it."""
    made = tmp_path_factory.mktemp("declared")
    digits = load_digits()
    chosen = [number for number, digit in enumerate(digits.target) if digit <= 2][:300]
    for place, number in enumerate(chosen):
        part = _PARTS[place % len(_PARTS)]
        inner = made / "shapes" / part / ("" if part == "test" else f"digit{digits.target[number]}")
        inner.mkdir(parents=True, exist_ok=True)
        pixels = (digits.images[number] * 15).astype(np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(inner / f"{number}.png")
    done = _diptych(made, "run", "shapes", "--output", "run")
    assert done.returncode == OK, done.stdout[-4000:] + done.stderr[-4000:]
    (made / "printed.txt").write_text(done.stdout, encoding="utf-8")
    return made


def _summary(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run" / "summary.json").read_text(encoding="utf-8")))


def test_declared_splits_are_kept_and_printed_with_their_counts(folder: Path) -> None:
    summary = _summary(folder)
    assert summary["rejects"] == {"unlabelled": 30}
    examples = summary["examples"]
    assert (examples["val"], examples["train"] + examples["test"]) == (30, 240)
    assert summary["labels"].keys() == {"digit0", "digit1", "digit2"}
    declared = (
        "declared by the names of its folders: train 240, val 30; test has 30 rows without labels: not "
        "learned from; test taken from train"
    )
    assert declared in (folder / "printed.txt").read_text(encoding="utf-8")
    assert declared in Path(summary["artifacts"]["Report"]["report"], "report.html").read_text(encoding="utf-8")


def test_each_split_has_the_rows_of_its_folder(folder: Path) -> None:
    examples = Path(_summary(folder)["artifacts"]["ImageTextExampleGen"]["examples"])
    for split, part in (("train", "train/"), ("val", "valid/"), ("test", "train/")):
        files = [str(path) for path in (examples / f"Split-{split}").iterdir()]
        records = tf.data.TFRecordDataset(files).as_numpy_iterator()
        parsed = (tf.train.Example.FromString(record).features.feature for record in records)
        ids = [values["id"].bytes_list.value[0].decode() for values in parsed]
        assert ids
        assert all(row_id.startswith(part) for row_id in ids)


def test_the_part_without_labels_is_classified(folder: Path) -> None:
    done = _diptych(folder, "predict", "run", "--catalogue", "shapes/test", "--output", "answers.jsonl")
    assert done.returncode == OK, done.stderr[-4000:]
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    digits = load_digits().target
    right = [answer["answer"] == [f"digit{digits[int(Path(answer['image']).stem)]}"] for answer in answers]
    assert len(right) == 30
    assert np.mean(right) > 0.8


def test_images_that_straddle_stop_a_run_with_both_rows_named(folder: Path) -> None:
    first = min((folder / "shapes" / "train" / "digit1").iterdir())
    copy = folder / "shapes" / "valid" / "digit1" / "copy.png"
    copy.write_bytes(first.read_bytes())
    try:
        done = _diptych(folder, "run", "shapes", "--output", "run")
    finally:
        copy.unlink()
    assert done.returncode == GATE_STOPPED, done.stdout[-4000:] + done.stderr[-4000:]
    assert f"valid/digit1/copy.png and, in 'train', train/digit1/{first.name}" in done.stdout + done.stderr
    assert "data.straddling: move or drop" in done.stdout + done.stderr
