"""Training curves, read from TensorBoard's event files."""

from __future__ import annotations

import os
from collections.abc import Iterator

import tensorflow as tf

from diptych.components.report.report_data import TrainingCurves

_PREFIX = "epoch_"


def read_training_curves(model_run: str) -> TrainingCurves:
    """Reads what Keras's TensorBoard callback wrote for each epoch; ``epoch_loss`` is called ``loss`` here.

    Args:
        model_run: a folder with a folder of event files for each run, ``train`` and ``validation``.

    Raises:
        tf.errors.OpError: a file cannot be read.
    """
    found: dict[str, dict[str, dict[int, float]]] = {}
    for run, path in _event_files(model_run):
        for figure, epoch, value in _read_scalars(path):
            # A training that was resumed writes an epoch again, to a later file, whose value counts.
            found.setdefault(figure, {}).setdefault(run, {})[epoch] = value
    return {figure: {run: sorted(points.items()) for run, points in runs.items()} for figure, runs in found.items()}


def _event_files(model_run: str) -> Iterator[tuple[str, str]]:
    """The name of the run and the path of each event file, sorted; folders are listed, for a pattern of their names
    might match others."""
    for run in sorted(tf.io.gfile.listdir(model_run)) if tf.io.gfile.isdir(model_run) else ():
        folder = os.path.join(model_run, run)
        for name in sorted(tf.io.gfile.listdir(folder)) if tf.io.gfile.isdir(folder) else ():
            if name.startswith("events.out.tfevents."):
                yield run.rstrip("/"), os.path.join(folder, name)


def _read_scalars(path: str) -> Iterator[tuple[str, int, float]]:
    for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
        event = tf.compat.v1.Event.FromString(record)
        for value in event.summary.value:
            if value.tag.startswith(_PREFIX) and value.HasField("tensor"):
                number = tf.make_ndarray(value.tensor)
                if number.ndim == 0 and number.dtype.kind in "fiu":
                    yield value.tag.removeprefix(_PREFIX), event.step, float(number)
