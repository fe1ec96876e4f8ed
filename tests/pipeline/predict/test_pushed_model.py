"""The pushed model that ``diptych predict`` finds."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from diptych.models.progress import report_progress
from diptych.pipeline.cli.notes import told_notes
from diptych.pipeline.local.log_capture import silence_output
from diptych.pipeline.predict.pushed_model import PredictError, answer_of, find_pushed_model
from tests.components.evaluator.model_cards import make_card, write_whole_model
from tests.models.training.conftest import record_progress


def test_the_answer_is_every_label_that_reaches_its_threshold_best_first() -> None:
    one, several = (make_card(["a", "b", "c"], task=task) for task in ("multiclass", "multilabel"))
    several = several.model_copy(update={"thresholds": (0.5, 0.9, 0.2)})
    assert answer_of(several, np.array([0.6, 0.8, 0.7])) == ["c", "a"]
    assert answer_of(several, np.array([0.1, 0.8, 0.1])) == []
    assert answer_of(several.model_copy(update={"at_least_one": True}), np.array([0.1, 0.8, 0.1])) == ["b"]
    assert answer_of(one, np.array([0.1, 0.8, 0.1])) == ["b"]


def test_the_model_of_a_run_is_its_newest_pushed_one_that_is_whole(tmp_path: Path) -> None:
    pushed = tmp_path / "pushed"
    write_whole_model(pushed / "9")
    shutil.copytree(pushed / "9", pushed / "10")
    for name in ("11", "notes"):
        (pushed / name).mkdir()
    with record_progress() as recorder:
        assert find_pushed_model(str(tmp_path)) == str(pushed / "10")
    (note,) = recorder.notes
    assert f"'{pushed / '11'}' is passed over" in note
    assert find_pushed_model(str(pushed / "9")) == str(pushed / "9")
    with pytest.raises(PredictError, match="holds no pushed model"):
        find_pushed_model(str(tmp_path / "elsewhere"))
    (pushed / "9" / "assets.extra" / "diptych.json").write_text('{"labels": ["a"')
    with pytest.raises(PredictError, match="only a part of one: 'assets.extra/diptych.json' is damaged"):
        find_pushed_model(str(pushed / "9"))


def test_a_command_that_hides_what_libraries_print_tells_what_is_passed_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with told_notes(), silence_output():
        report_progress("note", text="'/pushed/11' is passed over")
        report_progress("note", text="'/pushed/11' is passed over")
        report_progress("rows", rows=3)
    assert capsys.readouterr().err == "diptych: '/pushed/11' is passed over\n"
