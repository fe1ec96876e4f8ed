"""Trials are read as TFX's Tuner writes them, and the page lists them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from diptych.components.report.page import render_report
from diptych.components.report.report_data import TuningTrial
from diptych.components.report.tuning_trials import TRIALS_FILE, read_trials
from tests.components.report.report_fixtures import HOSTILE, good_data


def test_trials_are_read_with_their_settings(tmp_path: Path) -> None:
    rows = [
        {"trial_id": "0003", "score": 0.75, "train.learning_rate": 0.01, "model.text.units": "[64, 32]"},
        {"trial_id": "0001", "score": 0.5, "train.learning_rate": 0.1, "tuner/epochs": 4, "tuner/round": 0},
    ]
    (tmp_path / TRIALS_FILE).write_text(json.dumps(rows))
    assert read_trials(str(tmp_path)) == [
        TuningTrial("0003", 0.75, None, {"train.learning_rate": "0.01", "model.text.units": "[64, 32]"}),
        TuningTrial("0001", 0.5, 4, {"train.learning_rate": "0.1"}),
    ]


def test_the_file_is_called_as_tfx_calls_it() -> None:
    from tfx.components.tuner import executor

    assert executor._DEFAULT_TUNER_RESULTS_FILE_NAME == TRIALS_FILE


def test_the_page_lists_trials_and_escapes_them() -> None:
    page = render_report(replace(good_data(), trials=[TuningTrial(HOSTILE, 0.75, 4, {HOSTILE: HOSTILE})]))
    assert "Trials of the search" in page
    assert "<script>alert" not in page
    assert "Trials of the search" not in render_report(good_data())
