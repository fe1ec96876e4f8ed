"""Backups of the state of a training, from which a killed training resumes as if it had not been interrupted.

``keras.callbacks.BackupAndRestore`` is not enough: if the process is killed while it writes, it leaves the weights of
one epoch with the number of another; and it keeps neither the seeds of dropout nor the state of early stopping (with
the best weights) and of the reduction of the learning rate.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from diptych.models.progress import report_progress
from diptych.models.version_directories import latest_version

_PARENT_FOLDER = ".resume"
_VARIABLES = "variables.npz"
_STATE = "state.json"
_BEST_WEIGHTS = "best.npz"
_UNFINISHED = "unfinished"
# The attributes that EarlyStopping, ReduceLROnPlateau and TimeBudget change, but for the best weights.
_CALLBACK_ATTRIBUTES = ("best", "best_epoch", "wait", "cooldown_counter", "stopped_epoch", "spent", "planned")


def digest_inputs(config: Mapping[str, Any], files: Iterable[str]) -> str:
    """A digest of all that decides what a training does; a training resumes from backups of the same digest only.

    Args:
        config: the configuration of the training, as JSON.
        files: the files that it reads; they are identified by name, length and time of the last change.
    """
    parts = [json.dumps(config, sort_keys=True, default=str)]
    for file in sorted(files):
        status = tf.io.gfile.stat(file)
        parts.append(f"{file} {status.length} {status.mtime_nsec}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def prepare_backup_folder(model_run: str, digest: str) -> str:
    """The folder for the backups of a training; the backups of trainings with other digests are deleted.

    Args:
        model_run: TFX's folder for the logs of this execution. The backups are beside it, since each execution has a
            folder of its own.
        digest: see ``digest_inputs``.
    """
    parent = os.path.join(os.path.dirname(os.path.normpath(model_run)), _PARENT_FOLDER)
    if tf.io.gfile.isdir(parent):
        for name in tf.io.gfile.listdir(parent):
            if name.rstrip("/") != digest:
                delete_backups(os.path.join(parent, name))
    return os.path.join(parent, digest)


def completed_epochs(folder: str) -> int:
    """The number of epochs before the latest backup in a folder; 0 without a backup."""
    backup = latest_version(folder)
    return int(os.path.basename(backup)) if backup else 0


def delete_backups(folder: str) -> None:
    """Deletes a folder of backups, if it exists."""
    if tf.io.gfile.isdir(folder):
        tf.io.gfile.rmtree(folder)


class TrainingBackup(keras.callbacks.Callback):
    """Writes a backup after each epoch: all variables of model and optimizer, and the state of other callbacks.

    Pass it to ``fit`` after the callbacks whose state it saves. Where operations are deterministic, a training that
    was resumed ends with the weights of one that was not interrupted.

    Args:
        folder: the folder of the backups; each is a folder named by the number of completed epochs.
        callbacks: the callbacks whose state is saved.
    """

    def __init__(self, folder: str, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__()
        self._folder = folder
        self._callbacks = callbacks
        self._states: list[dict[str, Any]] = []

    def restore(self, model: keras.Model) -> bool:
        """Restores a compiled model from the latest backup, and reads the state that the callbacks get in ``fit``.

        Returns:
            Whether training had stopped early.

        Raises:
            FileNotFoundError: there is no backup.
        """
        backup = latest_version(self._folder)
        if backup is None:
            raise FileNotFoundError(f"there is no backup in '{self._folder}'")
        for variable, value in zip(_variables(model), _read_arrays(os.path.join(backup, _VARIABLES)), strict=True):
            variable.assign(value)
        with tf.io.gfile.GFile(os.path.join(backup, _STATE)) as file:
            state = json.load(file)
        self._states = state["callbacks"]
        for number, attributes in enumerate(self._states):
            best_weights = os.path.join(backup, f"{number}-{_BEST_WEIGHTS}")
            if tf.io.gfile.exists(best_weights):
                attributes["best_weights"] = _read_arrays(best_weights)
        epochs = completed_epochs(self._folder)
        report_progress("note", text=f"training goes on after epoch {epochs}, from its backup")
        return bool(state["stopped"])

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restores the state of the callbacks, which have reset it at the start of ``fit``."""
        for callback, attributes in zip(self._callbacks, self._states, strict=False):
            for name, value in attributes.items():
                setattr(callback, name, value)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes a backup, and deletes the previous one after that."""
        previous = latest_version(self._folder)
        unfinished = os.path.join(self._folder, _UNFINISHED)
        delete_backups(unfinished)
        tf.io.gfile.makedirs(unfinished)
        self._write(unfinished)
        tf.io.gfile.rename(unfinished, os.path.join(self._folder, str(epoch + 1)))
        if previous:
            delete_backups(previous)

    def _write(self, folder: str) -> None:
        values = [variable.numpy() for variable in _variables(self.model)]
        _write_arrays(os.path.join(folder, _VARIABLES), values)
        states = []
        for number, callback in enumerate(self._callbacks):
            attributes = {name: getattr(callback, name) for name in _CALLBACK_ATTRIBUTES if hasattr(callback, name)}
            states.append({name: None if value is None else float(value) for name, value in attributes.items()})
            if weights := getattr(callback, "best_weights", None):
                _write_arrays(os.path.join(folder, f"{number}-{_BEST_WEIGHTS}"), weights)
        with tf.io.gfile.GFile(os.path.join(folder, _STATE), "w") as file:
            json.dump({"stopped": self.model.stop_training, "callbacks": states}, file)


def _variables(model: keras.Model) -> list[keras.Variable]:
    """All that training changes: weights, seeds, and the optimizer's variables."""
    return [*model.variables, *model.optimizer.variables]


def _write_arrays(path: str, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    # NumPy writes a zip archive, for which it seeks; files that TensorFlow writes cannot seek.
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(buffer.getvalue())


def _read_arrays(path: str) -> list[np.ndarray[Any, Any]]:
    with tf.io.gfile.GFile(path, "rb") as file, np.load(io.BytesIO(file.read())) as arrays:
        return [arrays[f"arr_{number}"] for number in range(len(arrays.files))]
