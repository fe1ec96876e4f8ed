"""Training curves are read from TensorBoard's files."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from diptych.components.report.training_curves import read_training_curves


@pytest.mark.parametrize("name", ["run", "run[1]", "run?"])
def test_training_curves_are_those_of_tensorboard(tmp_path: Path, name: str) -> None:
    # It matches "run[1]" and "run?".
    write(tmp_path / "run1", 7.0)
    write(tmp_path / name, 0.0)
    assert read_training_curves(str(tmp_path / name)) == {
        "loss": {"train": [(0, 0.0), (1, 1.0), (2, 2.0)], "validation": [(0, 1.0), (1, 2.0), (2, 3.0)]}
    }


def test_without_any_there_are_no_curves(tmp_path: Path) -> None:
    (tmp_path / "hyperparameters.json").write_text("{}")
    assert read_training_curves(str(tmp_path)) == read_training_curves(str(tmp_path / "absent")) == {}


def write(folder: Path, first: float) -> None:
    for run, offset in (("train", first), ("validation", first + 1)):
        writer = tf.summary.create_file_writer(str(folder / run))
        with writer.as_default():
            for epoch in range(3):
                tf.summary.scalar("epoch_loss", offset + epoch, step=epoch)
            tf.summary.text("epoch_note", "no number", step=0)
            tf.summary.scalar("other", 1.0, step=0)
        writer.close()
