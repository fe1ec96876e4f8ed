"""The summary of a run, and the messages of its failures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.report.report_data import Comparison
from diptych.pipeline.runs.summary import Failure, Summary, explain_error, print_summary, read_component_results


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
    assert "Damaged       Transform: 'words' is empty" in capsys.readouterr().out.splitlines()


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
    (tmp_path / "linear" / "suspicious_labels.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    write(tmp_path / "verdict" / "verdict.json", {"passed": True, "findings": [{"rule": "skew"}, {"rule": "skew"}]})
    results = read_component_results(
        {
            "DataGate": {"verdict": str(tmp_path / "verdict")},
            "Evaluator": {"evaluation": str(tmp_path / "evaluation")},
            "LinearBaseline": {"metrics": str(tmp_path / "linear")},
        }
    )
    print_summary(Summary(status="succeeded", folder="runs/shop", **results), Console(width=200))
    shown = capsys.readouterr().out
    for line in (
        "Network       accuracy 0.9000 (0.820 to 0.950), macro_f1 0.8000\n              in brackets 95 % intervals\n",
        "Baselines     accuracy: image + text 0.7000\n",
        "Look at       2 findings (skew), 2 rows whose label looks wrong\n",
        "Last blessed  accuracy 0.8500 (0.760 to 0.910)\n",
        "Blessed       yes: it is good\nNote          test has 90 rows\n",
    ):
        assert line in shown


METRICS = {"accuracy": 0.9881, "macro_f1": 0.989}
REASON = "accuracy 0.9881 against 0.6548 of the linear text baseline: difference +0.3333 (95 % +0.2578 to +0.4010)"


def finished_run(folder: Path, **changes: Any) -> Summary:
    """The summary of a run as long as they get: three baselines, a model before, and criteria on all of them."""
    (folder / "pipeline.log").touch()
    interval = dict.fromkeys(METRICS, (0.8, 0.95))
    names = ["last blessed model", *(f"linear {name} baseline" for name in ("image + text", "image", "text"))]
    results: dict[str, Any] = {
        "status": "succeeded",
        "folder": str(folder),
        "rows": 1797,
        "examples": {"train": 1440, "val": 187, "test": 168},
        "rejects": {"not_an_image": 2},
        "findings": ["skew", "skew"],
        "metrics": METRICS,
        "intervals": interval,
        "confidence": 0.95,
        "baseline": {"both": METRICS, "image": METRICS, "text": METRICS},
        "suspicious_labels": 12,
        "comparisons": {name: Comparison(metrics=METRICS, intervals=interval) for name in names},
        "blessed": True,
        "blessing_reasons": [f"{REASON} reaches +0 (evaluate.gain_over_baseline.accuracy)"] * 9,
        "notes": ["test has 168 rows: differences of less than 0.03 cannot be told from chance"],
        "seconds": {"Trainer": 60.0, "Evaluator": 20.0},
        "memory": {"Trainer": 1_940_000_000, "Evaluator": 900_000_000},
        "artifacts": {
            "Trainer": {"model": str(folder / "model")},
            "Report": {"report": str(folder / "artifacts/Report/report/11")},
            "ImageTextExampleGen": {"rejects": str(folder / "artifacts/ImageTextExampleGen/rejects/1")},
        },
        "pushed": str(folder / "pushed/1795925226"),
    }
    return Summary(**{**results, **changes})


def shown_lines(summary: Summary, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(Path(summary.folder).parent)
    print_summary(summary, Console(width=80, force_terminal=True, color_system=None))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("changes", [{}, {"blessed": False, "pushed": None}], ids=["blessed", "not blessed"])
def test_a_summary_fits_a_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    lines = shown_lines(finished_run(folder, **changes), capsys, monkeypatch)
    assert lines[0] == "", "it may leave the screen for the prompt"
    assert len(lines) <= 24
    assert [line for line in lines if len(line) > 80] == []
    assert "Look at       2 findings (skew), 12 rows whose label looks wrong" in lines


def test_a_summary_ends_with_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my demo"
    folder.mkdir()
    lines = shown_lines(finished_run(folder), capsys, monkeypatch)
    assert lines[-5:] == [
        "Pushed model  my demo/pushed/1795925226",
        "Report        my demo/artifacts/Report/report/11/report.html",
        "Rejected rows my demo/artifacts/ImageTextExampleGen/rejects/1/rejects.jsonl",
        "Next          diptych report 'my demo' --serve",
        "              diptych predict 'my demo' IMAGE --text \"A DESCRIPTION\"",
    ]
    unblessed = finished_run(folder, blessed=False, pushed=None, baseline={"image": METRICS})
    lines = shown_lines(unblessed, capsys, monkeypatch)
    assert lines[-1] == "              diptych predict --run 'my demo' IMAGE"
    start = lines.index("Blessed       no, so it is not pushed")
    assert lines[start + 1].startswith("              accuracy 0.9881 against 0.6548")
    assert "              and 7 more reasons, which the report has" in lines
    failed = finished_run(folder, status="failed", failure=Failure(component="Pusher", message="no disk"))
    assert not any(line.startswith("Next") for line in shown_lines(failed, capsys, monkeypatch))
