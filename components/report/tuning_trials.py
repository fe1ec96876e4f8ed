"""The trials of the search for hyperparameters, as TFX's Tuner wrote them."""

from __future__ import annotations

import json
import os
from typing import Any

from tfx.dsl.io import fileio

from diptych.components.report.report_data import TuningTrial
from diptych.models.training.hyperparameters import hyperparameter_values

#: ``tfx.components.tuner.executor._DEFAULT_TUNER_RESULTS_FILE_NAME``.
TRIALS_FILE = "tuner_results.json"

# The maximum number of epochs of a trial that is shorter than a whole training, as KerasTuner's Hyperband names it.
_EPOCHS = "tuner/epochs"


def read_trials(uri: str) -> list[TuningTrial]:
    """The trials that were completed, the best first.

    Raises:
        OSError, ValueError, KeyError, TypeError: the file is missing or damaged.
    """
    with fileio.open(os.path.join(uri, TRIALS_FILE)) as file:
        return [_read_trial(dict(row)) for row in json.loads(file.read())]


def _read_trial(row: dict[str, Any]) -> TuningTrial:
    name, score = str(row.pop("trial_id")), float(row.pop("score"))
    values = {key: json.dumps(value) for key, value in hyperparameter_values({"values": row}).items()}
    return TuningTrial(name, score, row.get(_EPOCHS), values)
