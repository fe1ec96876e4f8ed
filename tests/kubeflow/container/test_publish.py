"""The summary of a run in a cluster: joined from those of its steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.container import publish
from diptych.kubeflow.container.publish import StepSummary
from diptych.kubeflow.container.task import Task
from diptych.models.step_usage import StepUsage
from tests.conformance.recordings import Recording

STEPS = ["Sources", "ImageTextExampleGen", "DataGate", "Trainer", "Report"]
SOURCES = StepSummary(seconds=0.5)
GATE = StepSummary(seconds=1.0, results={"rows": 3, "examples": {"train": 1, "val": 1, "test": 1}, "rejects": {}})
# Runs of the recording "after-2.17.0" in which the Trainer ended three times without a word.
KILLED_ALONE = "Publish after the Trainer failed three times (command killed, launcher alive)"
KILLED = "Publish after the whole container was killed three times"


def task_of(step: str, run_id: str, parameters: dict[str, Any] | None = None) -> Task:
    """A task that gets the publish directory ``minio://bucket/runs`` as a parameter."""
    values = {"publish_directory": "minio://bucket/runs", **(parameters or {})}
    return Task("mirrored", step, run_id, json.dumps({"inputs": {"parameterValues": values}}))


def run_recorded_publish(stores: Path, run: str, **ran: StepSummary) -> dict[str, Any]:
    """The summary that the exit handler publishes from a recorded ExecutorInput.

    Args:
        ran: the summaries of the steps that left one.
    """
    given = Recording("after-2.17.0").executor_inputs[run]
    run_id = given["inputs"]["parameterValues"]["run"]
    for step, summary in ran.items():
        publish.write_step_summary(Task("mirrored", step, run_id, json.dumps(given)), summary)
    publish.run_publish(Task("mirrored", "Publish", run_id, json.dumps(given)))
    return dict(json.loads((stores / f"minio/shop/artifacts/shop/runs/{run_id}/summary.json").read_text()))


def test_steps_without_a_summary_in_a_good_run_were_cached() -> None:
    report = StepSummary(
        seconds=2.0,
        memory=10**9,
        results={"metrics": {"accuracy": 0.9}, "blessed": True},
        artifacts={"report": "minio://r"},
    )
    summaries = {"Sources": SOURCES, "DataGate": GATE, "Report": report}
    summary = publish.join_summaries("minio://f", STEPS, summaries, "COMPLETE")
    assert (summary.status, summary.failure) == ("succeeded", None)
    assert summary.cached == ["ImageTextExampleGen", "Trainer"]
    assert summary.unfinished == []
    assert summary.seconds == {"Sources": 0.5, "DataGate": 1.0, "Report": 2.0}
    assert summary.memory == {"Report": 10**9}
    assert (summary.rows, summary.metrics, summary.blessed) == (3, {"accuracy": 0.9}, True)
    assert summary.artifacts == {"Report": {"report": "minio://r"}}


def test_vertex_has_another_word_for_success() -> None:
    assert publish.join_summaries("gs://f", STEPS, {"DataGate": GATE}, "SUCCEEDED").status == "succeeded"


def test_an_attempt_that_failed_before_a_good_one_does_not_fail_the_run() -> None:
    """The good attempt could not write its summary."""
    failed = StepSummary(failure="the store did not answer")
    assert publish.join_summaries("minio://f", STEPS, {"Trainer": failed}, "COMPLETE").failure is None


def test_a_failure_names_its_step_and_keeps_what_is_known() -> None:
    failed = StepSummary(failure="bad data", results=GATE.results, log="minio://logs/0")
    summary = publish.join_summaries("minio://f", STEPS, {"Sources": SOURCES, "DataGate": failed}, "FAILED")
    assert summary.status == "failed"
    assert summary.failure is not None
    assert summary.failure.model_dump() == {
        "component": "DataGate",
        "message": "bad data",
        "log": "minio://logs/0",
        "interrupted": False,
    }
    assert summary.rows == 3
    assert summary.cached == []
    assert summary.unfinished == ["ImageTextExampleGen", "Trainer", "Report"]


@pytest.mark.parametrize(("run", "state"), [(KILLED, "RUNNING"), (KILLED_ALONE, "FAILED")])
def test_a_step_that_was_killed_is_named(
    root: Path, stores: Path, capsys: pytest.CaptureFixture[str], run: str, state: str
) -> None:
    """The steps before the Trainer left their summaries, and it could leave none."""
    before = ("Sources", "ImageTextExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "DataGate")
    ran = {step: StepSummary(seconds=1.0) for step in (*before, "Transform", "LinearBaseline")}
    summary = run_recorded_publish(stores, run, **ran)
    unfinished = ["Trainer", "Evaluator", "Pusher", "Report"]
    assert (summary["status"], summary["cached"], summary["unfinished"]) == ("failed", [], unfinished)
    assert summary["failure"]["component"] is None
    assert f"these steps did not finish: {', '.join(unfinished)}. The run ended as {state}" in capsys.readouterr().err
    assert "in Kubeflow shows the pods and their logs" in summary["failure"]["message"]


def test_a_run_that_did_not_complete_is_none_even_if_every_step_finished() -> None:
    summary = publish.join_summaries("minio://f/r", STEPS, dict.fromkeys(STEPS, SOURCES), "CANCELED")
    assert summary.status == "failed"
    assert summary.failure is not None
    assert "the run ended as CANCELED, though every step finished" in summary.failure.message


def test_the_failed_steps_own_sentence_and_log_are_printed(
    root: Path, stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_recorded_publish(stores, KILLED_ALONE, Trainer=StepSummary(failure="no GPU", log="minio://l/executor-logs-2"))
    assert capsys.readouterr().err == (
        "diptych: the run failed in Trainer: no GPU\nIts log: minio://l/executor-logs-2\n"
    )


def test_summary_and_report_are_in_the_publish_directory(
    root: Path, stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "page.html").write_text("<p>page</p>")
    publish.write_step_summary(task_of("DataGate", "run-7"), GATE)
    publish.write_step_summary(task_of("Report", "run-7"), StepSummary(seconds=2.0, report=str(root / "page.html")))
    publish.run_publish(task_of("Publish", "run-7", {"steps": ",".join(STEPS), "status": {"state": "COMPLETE"}}))
    folder = stores / "minio/bucket/runs/run-7"
    assert json.loads((folder / "summary.json").read_text())["rows"] == 3
    assert (folder / "report.html").read_text() == "<p>page</p>"
    assert "3 = 3 examples + 0 rejects" in capsys.readouterr().out


def test_a_summary_that_cannot_be_written_fails_no_step(stores: Path, caplog: pytest.LogCaptureFixture) -> None:
    stores.mkdir()
    (stores / "minio").write_text("a file where the store's folder should be")
    publish.write_step_summary(task_of("DataGate", "run-7"), GATE)
    assert "the summary will lack DataGate" in caplog.text


def test_a_step_learns_what_the_steps_before_it_took(
    stores: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publish, "ENDED", ended := {})
    publish.write_step_summary(task_of("Trainer", "run-7"), StepSummary(seconds=7.0, memory=10**9))
    publish.write_step_summary(task_of("Tuner", "run-7"), StepSummary(failure="no GPU"))
    publish.recall_ended_steps(task_of("Report", "run-7"))
    assert ended == {"Trainer": StepUsage(7.0, 10**9)}
    (stores / "minio/bucket/runs/run-7/steps/Trainer.json").write_text("{")
    publish.recall_ended_steps(task_of("Report", "run-7"))
    assert "what the steps took is not known" in caplog.text


FANNED = ["Sources", "Decode", "ImageTextExampleGen"]


def test_slices_are_steps_of_their_own() -> None:
    summaries = {"Sources": StepSummary(seconds=0.5, slices=3), "Decode-2": StepSummary(seconds=7.0)}
    summary = publish.join_summaries("minio://f", FANNED, summaries, "COMPLETE")
    assert summary.seconds == {"Sources": 0.5, "Decode-2": 7.0}
    assert summary.cached == ["Decode-1", "Decode-3", "ImageTextExampleGen"]


def test_a_slice_that_was_killed_is_unfinished_and_one_that_failed_says_why() -> None:
    summaries = {"Sources": StepSummary(slices=3), "Decode-1": StepSummary(), "Decode-2": StepSummary()}
    summary = publish.join_summaries("minio://f", FANNED, summaries, "RUNNING")
    assert summary.unfinished == ["Decode-3", "ImageTextExampleGen"]
    assert summary.failure is not None
    assert "these steps did not finish: Decode-3, ImageTextExampleGen" in summary.failure.message
    summaries["Decode-3"] = StepSummary(failure="slice 3 of 3 is broken")
    failure = publish.join_summaries("minio://f", FANNED, summaries, "FAILED").failure
    assert failure is not None
    assert (failure.component, failure.message) == ("Decode-3", "slice 3 of 3 is broken")


def test_a_pod_that_fails_before_it_knows_its_slice_is_heard() -> None:
    summaries = {"Sources": StepSummary(slices=1), "Decode": StepSummary(failure="no store is found")}
    failure = publish.join_summaries("minio://f", FANNED, summaries, "FAILED").failure
    assert failure is not None
    assert failure.component == "Decode"


def test_without_the_word_of_sources_the_slices_are_not_known() -> None:
    summary = publish.join_summaries("minio://f", FANNED, {}, "FAILED")
    assert summary.unfinished == FANNED
