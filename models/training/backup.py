"""Backups of a training, from which it goes on after a kill as if nothing had happened.

``keras.callbacks.BackupAndRestore`` would not do: a kill while it writes leaves the weights of one epoch with the
number of another, and it keeps neither the seeds that dropout has come to, nor the best weights and what else early
stopping and the fall of the learning rate have seen.
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

from diptych.models.progress import report
from diptych.models.versions import newest

_FOLDER = ".resume"
_VARIABLES = "variables.npz"
_STATE = "state.json"
_BEST = "best.npz"
_UNFINISHED = "unfinished"
# Of EarlyStopping and ReduceLROnPlateau.
_FIGURES = ("best", "best_epoch", "wait", "cooldown_counter", "stopped_epoch")


def digest_inputs(config: Mapping[str, Any], files: Iterable[str]) -> str:
    """What a backup must have in common with the training that goes on from it.

    Args:
        config: everything that training is told, as JSON holds it.
        files: what it reads; known by name, length and time of the last change.
    """
    parts = [json.dumps(config, sort_keys=True, default=str)]
    for file in sorted(files):
        found = tf.io.gfile.stat(file)
        parts.append(f"{file} {found.length} {found.mtime_nsec}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def backup_folder(model_run: str, digest: str) -> str:
    """Where the backups of a training lie: beside TFX's folder of this execution, as the next one has another.

    Removes the backups of trainings with other digests, which nobody can go on from.
    """
    parent = os.path.join(os.path.dirname(os.path.normpath(model_run)), _FOLDER)
    if tf.io.gfile.isdir(parent):
        for name in tf.io.gfile.listdir(parent):
            if name.rstrip("/") != digest:
                _remove(os.path.join(parent, name))
    return os.path.join(parent, digest)


class Backup(keras.callbacks.Callback):
    """Writes a backup after each epoch. It must come after the callbacks that it watches.

    It holds the weights, the optimizer, the seeds of dropout and what the callbacks have seen; the input is told to go
    on at an epoch. Where operations are deterministic, the weights at the end are those of a training without a kill.

    Args:
        folder: of backups, each in a folder named by the number of epochs done.
        watched: callbacks whose state belongs to the training.
    """

    def __init__(self, folder: str, watched: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__()
        self._folder = folder
        self._watched = watched
        self._states: list[dict[str, Any]] = []

    def restore(self, model: keras.Model) -> bool:
        """Gives a compiled model what the newest backup holds; the callbacks get theirs when ``fit`` begins.

        Returns:
            Whether training had stopped early.

        Raises:
            FileNotFoundError: there is no backup.
        """
        backup = newest(self._folder)
        if backup is None:
            raise FileNotFoundError(f"there is no backup in '{self._folder}'")
        for variable, value in zip(_variables(model), _read_arrays(os.path.join(backup, _VARIABLES)), strict=True):
            variable.assign(value)
        with tf.io.gfile.GFile(os.path.join(backup, _STATE)) as file:
            state = json.load(file)
        self._states = state["callbacks"]
        for number, found in enumerate(self._states):
            best = os.path.join(backup, f"{number}-{_BEST}")
            if tf.io.gfile.exists(best):
                found["best_weights"] = _read_arrays(best)
        report("note", text=f"training goes on after epoch {done(self._folder)}, from its backup")
        return bool(state["stopped"])

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Gives the watched callbacks their state, which they have just reset."""
        for callback, state in zip(self._watched, self._states, strict=False):
            for name, value in state.items():
                setattr(callback, name, value)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes a backup, and only then removes the one before."""
        before = newest(self._folder)
        unfinished = os.path.join(self._folder, _UNFINISHED)
        _remove(unfinished)
        tf.io.gfile.makedirs(unfinished)
        self._write(unfinished)
        tf.io.gfile.rename(unfinished, os.path.join(self._folder, str(epoch + 1)))
        if before:
            _remove(before)

    def _write(self, folder: str) -> None:
        values = [variable.numpy() for variable in _variables(self.model)]
        _write_arrays(os.path.join(folder, _VARIABLES), values)
        states = []
        for number, callback in enumerate(self._watched):
            figures = {name: getattr(callback, name) for name in _FIGURES if hasattr(callback, name)}
            states.append({name: None if value is None else float(value) for name, value in figures.items()})
            if weights := getattr(callback, "best_weights", None):
                _write_arrays(os.path.join(folder, f"{number}-{_BEST}"), weights)
        with tf.io.gfile.GFile(os.path.join(folder, _STATE), "w") as file:
            json.dump({"stopped": self.model.stop_training, "callbacks": states}, file)


def done(folder: str) -> int:
    """How many epochs the newest backup of a folder has behind it; 0 without one."""
    backup = newest(folder)
    return int(os.path.basename(backup)) if backup else 0


def forget(folder: str) -> None:
    """Removes the backups of a training that has ended."""
    _remove(folder)


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Everything that training changes: weights, seeds, and what the optimizer keeps."""
    return [*model.variables, *model.optimizer.variables]


def _remove(folder: str) -> None:
    if tf.io.gfile.isdir(folder):
        tf.io.gfile.rmtree(folder)


def _write_arrays(path: str, arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    # TensorFlow's files cannot go back while they are written, as a zip archive's writer must.
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(buffer.getvalue())


def _read_arrays(path: str) -> list[np.ndarray[Any, Any]]:
    with tf.io.gfile.GFile(path, "rb") as file, np.load(io.BytesIO(file.read())) as arrays:
        return [arrays[f"arr_{place}"] for place in range(len(arrays.files))]
