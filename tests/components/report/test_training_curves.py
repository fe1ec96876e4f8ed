"""Training curves are read from TensorBoard's files."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from diptych.components.report.training_curves import read_training_curves


def test_training_curves_are_those_of_tensorboard(tmp_path: Path) -> None:
    for run, offset in (("train", 0.0), ("validation", 1.0)):
        writer = tf.summary.create_file_writer(str(tmp_path / run))
        with writer.as_default():
            for epoch in range(3):
                tf.summary.scalar("epoch_loss", offset + epoch, step=epoch)
            tf.summary.text("epoch_note", "no number", step=0)
            tf.summary.scalar("other", 1.0, step=0)
        writer.close()
    assert read_training_curves(str(tmp_path)) == {
        "loss": {"train": [(0, 0.0), (1, 1.0), (2, 2.0)], "validation": [(0, 1.0), (1, 2.0), (2, 3.0)]}
    }
