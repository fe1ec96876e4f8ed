"""The summary of a run, and the messages of its failures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.pipeline.runs.summary import Summary, explain_error, print_summary, read_component_results


def test_our_own_errors_speak_for_themselves() -> None:
    assert explain_error(CatalogueError("there is no row")) == "there is no row"


def test_beams_step_is_left_out() -> None:
    assert explain_error(CatalogueError("there is no row [while running 'ReadRows']")) == "there is no row"


def test_foreign_errors_are_named() -> None:
    assert explain_error(KeyError("label")) == "KeyError: 'label'"
    assert explain_error(MemoryError()) == "MemoryError"


def test_what_the_operating_system_said_is_a_sentence_about_a_path() -> None:
    copied_by_beam = OSError("[Errno 28] No space left on device [while running 'Write']")
    assert explain_error(copied_by_beam, "/runs/shop") == (
        "'/runs/shop': no space left on device; free some disk space, or name a place on another disk"
    )


def test_a_summary_is_written_whole(tmp_path: Path) -> None:
    summary = Summary(status="succeeded", rows=3, examples={"train": 1, "val": 1, "test": 1}, folder=str(tmp_path))
    summary.write()
    assert Summary.model_validate_json((tmp_path / "summary.json").read_text()) == summary
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_the_settings_are_kept_without_credentials(tmp_path: Path) -> None:
    given = {"data": {"catalogue": "https://me:pass@shop.org/a.csv", "null_values": ["https://shop.org/?token=x", 1]}}
    Summary(status="succeeded", folder=str(tmp_path), settings=given).write()
    assert json.loads((tmp_path / "summary.json").read_text())["settings"] == {
        "data": {"catalogue": "https://***@shop.org/a.csv", "null_values": ["https://shop.org/?token=***", 1]}
    }


def test_what_did_not_finish_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(Summary(status="failed", unfinished=["Trainer", "Evaluator"], folder="runs/shop"), Console(width=200))
    assert "Trainer, Evaluator" in next(
        line for line in capsys.readouterr().out.splitlines() if line.startswith("Not finished")
    )


def test_what_was_damaged_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    summary = Summary(status="succeeded", damaged=["Transform: 'words' is empty"], folder="runs/shop")
    print_summary(summary, Console(width=200))
    assert "Damaged          Transform: 'words' is empty" in capsys.readouterr().out.splitlines()


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def test_models_are_shown_with_their_intervals_and_the_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = {
        "metrics": {"accuracy": 0.9, "macro_f1": 0.8, "calibration_error": 0.05, "examples": 90.0},
        "intervals": {"accuracy": [0.82, 0.95]},
        "confidence": 0.95,
        "comparisons": {
            "linear image + text baseline": {"metrics": {"accuracy": 0.7}, "intervals": {"accuracy": [0.6, 0.78]}},
            "last blessed model": {"metrics": {"accuracy": 0.85}, "intervals": {"accuracy": [0.76, 0.91]}},
        },
        "blessed": True,
        "reasons": ["it is good"],
        "notes": ["test has 90 rows"],
        "slices": {},
    }
    write(tmp_path / "evaluation" / "decision.json", decision)
    write(tmp_path / "linear" / "metrics.json", {"both": {"accuracy": 0.7, "ranking_precision": 0.8}})
    results = read_component_results(
        {
            "Evaluator": {"evaluation": str(tmp_path / "evaluation")},
            "LinearBaseline": {"metrics": str(tmp_path / "linear")},
        }
    )
    print_summary(Summary(status="succeeded", folder="runs/shop", **results), Console(width=200))
    shown = capsys.readouterr().out
    for line in (
        "Network          accuracy 0.9000 (0.820 to 0.950), macro_f1 0.8000\n",
        "                 calibration_error 0.0500; in brackets 95 % intervals\n",
        "Linear baseline  image + text: accuracy 0.7000 (0.600 to 0.780)\n",
        "Last blessed     accuracy 0.8500 (0.760 to 0.910)\n",
        "Blessed          yes\n                 it is good\nNote             test has 90 rows\n",
    ):
        assert line in shown
