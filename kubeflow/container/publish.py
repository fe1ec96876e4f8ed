"""The summary of a run: each step writes its own when it ends, and the exit handler joins and publishes them.

An exit handler gets no artifacts of tasks that failed, nor can it ask for those of cached ones. So each step writes
what it can see to the publish directory, also if it fails. The gate and the report, which are never cached, see most.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from diptych.components.artifacts import REPORT_FILE
from diptych.kubeflow.container import store
from diptych.kubeflow.container.task import Task
from diptych.pipeline.runs.run_folder import SUMMARY_FILE
from diptych.pipeline.runs.summary import Failure, Summary, library_versions, print_summary, read_component_results

_STEPS_FOLDER = "steps"
_FAILED = ("FAILED", "CANCELED", "CANCELLED")
# Is never cached and writes no summary.
_SOURCES = "Sources"

# The component and the output from which an input comes, by the input's name.
_PRODUCERS = {
    "rejects": ("ImageTextExampleGen", "rejects"),
    "linear_baseline": ("LinearBaseline", "metrics"),
    "evaluation": ("Evaluator", "evaluation"),
    "report": ("Report", "report"),
}


class StepSummary(BaseModel):
    """What one step contributes to the summary of the run.

    Attributes:
        seconds: how long the executor took; None if it failed.
        failure: why the step failed; None if it did not.
        results: fields of ``Summary`` that the step can see in its artifacts.
        artifacts: URI of each output, by the output's name.
        pushed: URI of the model that the step pushed.
        report: path of the HTML report that the step made, to be published; not written to the step's file.
    """

    seconds: float | None = None
    failure: str | None = None
    results: dict[str, Any] = {}
    artifacts: dict[str, str] = {}
    pushed: str | None = None
    report: str | None = None

    @classmethod
    def of_failure(cls, task: Task, message: str) -> StepSummary:
        """The summary of a step that failed: the message, and what its inputs hold."""
        return cls(failure=task.to_uri(message), results=_read_results(task, with_outputs=False))

    @classmethod
    def of_success(cls, task: Task, seconds: float, output: dict[str, Any]) -> StepSummary:
        """The summary of a step that ended well.

        Args:
            output: the step's ExecutorOutput, with URIs.
        """
        artifacts = {name: lists["artifacts"][0] for name, lists in output.get("artifacts", {}).items()}
        pushed = artifacts.get("pushed_model", {}).get("metadata", {}).get("pushed_destination")
        report = _artifact_paths(task, with_outputs=True).get("Report", {}).get("report")
        return cls(
            seconds=round(seconds, 3),
            results=_read_results(task, with_outputs=True),
            artifacts={name: artifact["uri"] for name, artifact in artifacts.items()},
            pushed=pushed,
            report=report and os.path.join(report, REPORT_FILE),
        )


def _artifact_paths(task: Task, with_outputs: bool) -> dict[str, dict[str, str]]:
    """The paths of the artifacts that a step can see, by component and output."""
    paths: dict[str, dict[str, str]] = {}
    for name, artifacts in task.executor_input.inputs.artifacts.items():
        if name in _PRODUCERS and artifacts.artifacts:
            component, output = _PRODUCERS[name]
            paths.setdefault(component, {})[output] = artifacts.artifacts[0].uri
    if with_outputs:
        for name, artifacts in task.executor_input.outputs.artifacts.items():
            if artifacts.artifacts:
                paths.setdefault(task.name, {})[name] = artifacts.artifacts[0].uri
    return paths


def _read_results(task: Task, with_outputs: bool) -> dict[str, Any]:
    try:
        return read_component_results(_artifact_paths(task, with_outputs))
    except OSError:
        # A step fails for its own reason, which must not be hidden by a missing input.
        return {}


def write_step_summary(directory: str | None, run_id: str, step: str, summary: StepSummary) -> None:
    """Writes a step's summary, and its report, to ``<directory>/<run_id>``; does nothing without a directory.

    If they cannot be written, that is logged and the step does not fail: its work is done.
    """
    if directory is None:
        return
    folder = f"{directory}/{run_id}"
    try:
        content = summary.model_dump_json(exclude={"report"}).encode()
        store.write_file(f"{folder}/{_STEPS_FOLDER}/{step}.json", content)
        if summary.report:
            with open(summary.report, "rb") as file:
                store.write_file(f"{folder}/{REPORT_FILE}", file.read())
    except (store.StoreError, OSError) as error:
        logging.getLogger(__name__).warning("the summary will lack %s: %s", step, error)


def run_publish(task: Task) -> None:
    """Runs the exit handler of a pipeline.

    Raises:
        StoreError: as ``publish_summary``.
    """
    from google.protobuf import json_format

    status = json_format.MessageToDict(task.parameters["status"])
    publish_summary(
        f"{task.pop_parameter('publish_directory')}/{task.pop_parameter('run')}",
        task.pop_parameter("steps").split(","),
        str(status.get("state", "")),
    )


def publish_summary(folder: str, steps: Sequence[str], state: str) -> None:
    """Joins the summaries that the steps left in a folder, writes the result to ``summary.json`` there, and prints it.

    Args:
        folder: URI of the run's folder in the publish directory.
        steps: names of all steps of the pipeline.
        state: KFP's state of all steps together, from PipelineTaskFinalStatus.

    Raises:
        StoreError: the steps' summaries cannot be read, or that of the run cannot be written.
    """
    from rich.console import Console

    files = store.list_names(f"{folder}/{_STEPS_FOLDER}")
    summaries = {
        file.removesuffix(".json"): StepSummary.model_validate_json(store.read_file(f"{folder}/{_STEPS_FOLDER}/{file}"))
        for file in files
    }
    summary = join_summaries(folder, steps, summaries, state)
    store.write_file(f"{folder}/{SUMMARY_FILE}", (summary.model_dump_json(indent=2) + "\n").encode())
    print_summary(summary, Console(width=1000))


def join_summaries(folder: str, steps: Sequence[str], summaries: Mapping[str, StepSummary], state: str) -> Summary:
    """The summary of a run from those of its steps. In a run that succeeded, steps without one were cached."""
    ran = {step: summaries[step] for step in steps if step in summaries}
    results: dict[str, Any] = {}
    for summary in ran.values():
        results |= summary.results
    failures = [Failure(component=step, message=summary.failure) for step, summary in ran.items() if summary.failure]
    if not failures and state in _FAILED:
        message = f"the pipeline ended as {state}, and no step could say why: its log in Kubeflow does"
        failures = [Failure(component=None, message=message)]
    pushed = [summary.pushed for summary in ran.values() if summary.pushed]
    return Summary(
        status="failed" if failures else "succeeded",
        seconds={step: summary.seconds for step, summary in ran.items() if summary.seconds is not None},
        cached=[] if failures else [step for step in steps if step not in ran and step != _SOURCES],
        artifacts={step: summary.artifacts for step, summary in ran.items() if summary.artifacts},
        pushed=pushed[0] if pushed else None,
        folder=folder,
        failure=failures[0] if failures else None,
        versions=library_versions(),
        **results,
    )
