"""The summary of a run in a cluster: joined from those of its steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.kubeflow.container import publish, store
from diptych.kubeflow.container.publish import StepSummary

STEPS = ["Sources", "ImageTextExampleGen", "DataGate", "Trainer", "Report"]
GATE = StepSummary(seconds=1.0, results={"rows": 3, "examples": {"train": 1, "val": 1, "test": 1}, "rejects": {}})


def test_steps_without_a_summary_in_a_good_run_were_cached() -> None:
    report = StepSummary(
        seconds=2.0, results={"metrics": {"accuracy": 0.9}, "blessed": True}, artifacts={"report": "minio://r"}
    )
    summary = publish.join_summaries("minio://f", STEPS, {"DataGate": GATE, "Report": report}, "COMPLETE")
    assert (summary.status, summary.failure) == ("succeeded", None)
    assert summary.cached == ["ImageTextExampleGen", "Trainer"]
    assert summary.seconds == {"DataGate": 1.0, "Report": 2.0}
    assert (summary.rows, summary.metrics, summary.blessed) == (3, {"accuracy": 0.9}, True)
    assert summary.artifacts == {"Report": {"report": "minio://r"}}


def test_a_failure_names_its_step_and_keeps_what_is_known() -> None:
    failed = StepSummary(failure="bad data", results=GATE.results)
    summary = publish.join_summaries("minio://f", STEPS, {"DataGate": failed}, "FAILED")
    assert summary.status == "failed"
    assert summary.failure is not None
    assert (summary.failure.component, summary.failure.message) == ("DataGate", "bad data")
    assert summary.rows == 3
    assert summary.cached == []


def test_a_step_that_was_killed_could_not_say_so() -> None:
    summary = publish.join_summaries("minio://f", STEPS, {"DataGate": GATE}, "FAILED")
    assert summary.failure is not None
    assert "no step could say why" in summary.failure.message


def test_summary_and_report_are_in_the_publish_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(store.STORES_VARIABLE, str(tmp_path))
    (tmp_path / "page.html").write_text("<p>page</p>")
    publish.write_step_summary("minio://bucket/runs", "run-7", "DataGate", GATE)
    publish.write_step_summary(
        "minio://bucket/runs", "run-7", "Report", StepSummary(seconds=2.0, report=str(tmp_path / "page.html"))
    )
    publish.publish_summary("minio://bucket/runs/run-7", STEPS, "COMPLETE")
    folder = tmp_path / "minio/bucket/runs/run-7"
    assert json.loads((folder / "summary.json").read_text())["rows"] == 3
    assert (folder / "report.html").read_text() == "<p>page</p>"
    assert "3 = 3 examples + 0 rejects" in capsys.readouterr().out


def test_a_summary_that_cannot_be_written_fails_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "minio").write_text("a file where the store's folder should be")
    monkeypatch.setenv(store.STORES_VARIABLE, str(tmp_path))
    publish.write_step_summary("minio://bucket/runs", "run-7", "DataGate", GATE)
    assert "the summary will lack DataGate" in caplog.text
