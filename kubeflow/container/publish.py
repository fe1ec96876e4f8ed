"""The run's summary, gathered step by step and published by the exit handler, also after a failure.

An exit handler is given no artifacts of tasks that failed, nor can it ask for those of cached ones. So each step that
runs leaves a note at the destination, with what it can see; the gate and the report, which are never cached, see most.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from diptych.components.artifacts import REPORT_FILE
from diptych.kubeflow.container import store
from diptych.pipeline.runs.run_folder import SUMMARY_FILE
from diptych.pipeline.runs.summary import Failure, Summary, library_versions, print_summary, read_component_results

if TYPE_CHECKING:
    from diptych.kubeflow.container.entrypoint import Task

_NOTES = "steps"
_FAILED = ("FAILED", "CANCELED", "CANCELLED")

# Which component's output an input is.
_PRODUCERS = {
    "rejects": ("ImageTextExampleGen", "rejects"),
    "linear_baseline": ("LinearBaseline", "metrics"),
    "evaluation": ("Evaluator", "evaluation"),
    "report": ("Report", "report"),
}


class Note(BaseModel):
    """What one step leaves behind for the summary.

    Attributes:
        facts: fields of ``Summary``.
        artifacts: output to URI.
        report: path of an HTML report to publish; not part of the note's file.
    """

    seconds: float | None = None
    failure: str | None = None
    facts: dict[str, Any] = {}
    artifacts: dict[str, str] = {}
    pushed: str | None = None
    report: str | None = None

    @classmethod
    def of_failure(cls, task: Task, message: str) -> Note:
        """Of a step that failed: its inputs still tell something."""
        return cls(failure=task.original(message), facts=_facts(task, with_outputs=False))

    @classmethod
    def of_success(cls, task: Task, seconds: float, output: dict[str, Any]) -> Note:
        """Of a step that ended well, from its ExecutorOutput."""
        artifacts = {name: lists["artifacts"][0] for name, lists in output.get("artifacts", {}).items()}
        pushed = artifacts.get("pushed_model", {}).get("metadata", {}).get("pushed_destination")
        report = _paths(task, with_outputs=True).get("Report", {}).get("report")
        return cls(
            seconds=round(seconds, 3),
            facts=_facts(task, with_outputs=True),
            artifacts={name: artifact["uri"] for name, artifact in artifacts.items()},
            pushed=pushed,
            report=report and os.path.join(report, REPORT_FILE),
        )


def _paths(task: Task, with_outputs: bool) -> dict[str, dict[str, str]]:
    """Component to output to path, of the artifacts that the step can see."""
    paths: dict[str, dict[str, str]] = {}
    for name, artifacts in task.input.inputs.artifacts.items():
        if name in _PRODUCERS and artifacts.artifacts:
            component, output = _PRODUCERS[name]
            paths.setdefault(component, {})[output] = artifacts.artifacts[0].uri
    if with_outputs:
        for name, artifacts in task.input.outputs.artifacts.items():
            if artifacts.artifacts:
                paths.setdefault(task.name, {})[name] = artifacts.artifacts[0].uri
    return paths


def _facts(task: Task, with_outputs: bool) -> dict[str, Any]:
    try:
        return read_component_results(_paths(task, with_outputs))
    except OSError:
        # A step fails for its own reason, which must not be hidden by a missing input.
        return {}


def record(directory: str | None, run: str, step: str, note: Note) -> None:
    """Leaves a step's note, and its report, at the destination.

    A note that cannot be written is no reason for a step to fail: its work is done, and the log says what is missing.
    """
    if directory is None:
        return
    try:
        store.write(f"{directory}/{run}/{_NOTES}/{step}.json", note.model_dump_json(exclude={"report"}).encode())
        if note.report:
            with open(note.report, "rb") as file:
                store.write(f"{directory}/{run}/{REPORT_FILE}", file.read())
    except (store.StoreError, OSError) as error:
        logging.getLogger(__name__).warning("the summary will lack %s: %s", step, error)


def publish(directory: str, run: str, steps: list[str], status: dict[str, Any]) -> None:
    """Writes ``<directory>/<run>/summary.json`` and shows it.

    Args:
        steps: every step of the pipeline.
        status: KFP's PipelineTaskFinalStatus of all steps together.

    Raises:
        StoreError: the notes cannot be read or the summary cannot be written.
    """
    from rich.console import Console

    folder = f"{directory}/{run}"
    notes = {
        name.removesuffix(".json"): Note.model_validate_json(store.read(f"{folder}/{_NOTES}/{name}"))
        for name in store.names(f"{folder}/{_NOTES}")
    }
    summary = summarize(folder, steps, notes, str(status.get("state", "")))
    store.write(f"{folder}/{SUMMARY_FILE}", (summary.model_dump_json(indent=2) + "\n").encode())
    print_summary(summary, Console(width=1000))


def summarize(folder: str, steps: list[str], notes: dict[str, Note], state: str) -> Summary:
    """Joins the notes of the steps that ran; in a run that succeeded, the others were cached."""
    ran = {step: notes[step] for step in steps if step in notes}
    facts: dict[str, Any] = {}
    for note in ran.values():
        facts |= note.facts
    failures = [Failure(component=step, message=note.failure) for step, note in ran.items() if note.failure]
    if not failures and state in _FAILED:
        message = f"the pipeline ended as {state}, and no step could say why: its log in Kubeflow does"
        failures = [Failure(component=None, message=message)]
    pushed = [note.pushed for note in ran.values() if note.pushed]
    own = {"Sources"}
    return Summary(
        status="failed" if failures else "succeeded",
        seconds={step: note.seconds for step, note in ran.items() if note.seconds is not None},
        cached=[] if failures else [step for step in steps if step not in ran and step not in own],
        artifacts={step: note.artifacts for step, note in ran.items() if note.artifacts},
        pushed=pushed[0] if pushed else None,
        folder=folder,
        failure=failures[0] if failures else None,
        versions=library_versions(),
        **facts,
    )
