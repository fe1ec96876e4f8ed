"""Trains in a process of its own: python -m tests.models.training.training_process ARGUMENTS.json"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from types import SimpleNamespace
from typing import Any

from diptych.models.progress import LOGGER


class KillAfterEpoch(logging.Handler):
    """Kills this process at the end of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch = epoch

    def emit(self, record: logging.LogRecord) -> None:
        details: dict[str, Any] = record.details  # type: ignore[attr-defined]
        if details.get("epoch") == self._epoch:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Calls ``run_fn`` for each training.

    The file holds ``trainings``, the arguments of each. It may hold ``kill_at``, an epoch, and ``devices``, a number of
    logical CPUs.
    """
    import tensorflow as tf

    from diptych.models.training.trainer import run_fn

    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * given.get("devices", 1))
    LOGGER.setLevel(logging.INFO)
    if "kill_at" in given:
        # An epoch is reported before its backup is written.
        LOGGER.addHandler(KillAfterEpoch(given["kill_at"]))
    for arguments in given["trainings"]:
        # Importing TFX's class would take as long as the training.
        run_fn(SimpleNamespace(hyperparameters=None, **arguments))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
