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
from diptych.kubeflow.container.task import StepError, Task
from diptych.kubeflow.step_names import DECODE, SOURCES, slice_label
from diptych.models.library_versions import library_versions
from diptych.models.machine_memory import peak_memory
from diptych.models.step_usage import ENDED, StepUsage
from diptych.pipeline.cli.terminal import warn
from diptych.pipeline.runs.run_folder import SUMMARY_FILE
from diptych.pipeline.runs.summary import Failure, Summary, print_summary, read_component_results

_STEPS_FOLDER = "steps"
# The states of a run that succeeded: of KFP (backend/src/v2/metadata), and of Vertex. RUNNING, of all, is what KFP says
# of steps of which one was killed together with the launcher, which would have said FAILED.
_SUCCEEDED = ("COMPLETE", "SUCCEEDED")

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
        memory: the most that was resident of the step's process, in bytes; None if it failed, or where it is unknown.
        failure: why the step failed; None if it did not.
        results: fields of ``Summary`` that the step can see in its artifacts.
        artifacts: URI of each output, by the output's name.
        pushed: URI of the model that the step pushed.
        slices: number of the slices into which the step cut the catalogue; 0 if it cut none.
        log: URI of the file with what the step printed; None if Kubeflow keeps none.
        report: path of the HTML report that the step made, to be published; not written to the step's file.
    """

    seconds: float | None = None
    memory: int | None = None
    failure: str | None = None
    results: dict[str, Any] = {}
    artifacts: dict[str, str] = {}
    pushed: str | None = None
    slices: int = 0
    log: str | None = None
    report: str | None = None

    @classmethod
    def of_failure(cls, task: Task, message: str) -> StepSummary:
        """The summary of a step that failed: the message, and what its inputs hold."""
        return cls(failure=task.to_uri(message), results=_read_results(task, with_outputs=False), log=task.log)

    @classmethod
    def of_success(cls, task: Task, seconds: float, output: dict[str, Any]) -> StepSummary:
        """The summary of a step that ended well.

        Args:
            output: the step's ExecutorOutput, with URIs.
        """
        own = task.executor_input.outputs.artifacts
        artifacts = {name: lists["artifacts"][0] for name, lists in output.get("artifacts", {}).items() if name in own}
        pushed = artifacts.get("pushed_model", {}).get("metadata", {}).get("pushed_destination")
        report = _artifact_paths(task, with_outputs=True).get("Report", {}).get("report")
        return cls(
            seconds=round(seconds, 3),
            memory=peak_memory(),
            results=_read_results(task, with_outputs=True),
            artifacts={name: artifact["uri"] for name, artifact in artifacts.items()},
            pushed=pushed,
            slices=len(output.get("parameterValues", {}).get("slices", [])),
            log=task.log,
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


def write_step_summary(task: Task, summary: StepSummary) -> None:
    """Writes a step's summary, and its report, to the run's folder; does nothing if it has none.

    If they cannot be written, that is logged and the step does not fail: its work is done.
    """
    if task.run_folder is None:
        return
    try:
        content = summary.model_dump_json(exclude={"report"}).encode()
        store.write_file(f"{task.run_folder}/{_STEPS_FOLDER}/{task.label}.json", content)
        if summary.report:
            with open(summary.report, "rb") as file:
                store.write_file(f"{task.run_folder}/{REPORT_FILE}", file.read())
    except (store.StoreError, OSError) as error:
        logging.getLogger(__name__).warning("the summary will lack %s: %s", task.label, error)


def run_publish(task: Task) -> None:
    """Runs the exit handler of a pipeline: joins the summaries that the steps left, publishes the result and prints it.

    Raises:
        StepError: the task has no publish directory.
        StoreError: the steps' summaries cannot be read, or that of the run cannot be written.
    """
    from google.protobuf import json_format
    from rich.console import Console

    if task.run_folder is None:
        raise StepError("the parameter publish_directory is empty: there is no place for the run's summary")
    state = json_format.MessageToDict(task.parameters["status"]).get("state", "unknown")
    steps = task.pop_parameter("steps").split(",")
    summary = join_summaries(task.run_folder, steps, _read_step_summaries(task.run_folder), str(state))
    store.write_file(f"{task.run_folder}/{SUMMARY_FILE}", (summary.model_dump_json(indent=2) + "\n").encode())
    print_summary(summary, Console(width=1000))
    if summary.failure:
        warn(_explain_failure(summary.failure))


def recall_ended_steps(task: Task) -> None:
    """Lets this process know what the steps before it took, as far as they left word of it."""
    if task.run_folder is None:
        return
    try:
        summaries = _read_step_summaries(task.run_folder)
    except (store.StoreError, OSError, ValueError) as error:
        logging.getLogger(__name__).warning("what the steps took is not known: %s", error)
        return
    ENDED.update(
        {
            step: StepUsage(summary.seconds, summary.memory)
            for step, summary in summaries.items()
            if summary.seconds is not None
        }
    )


def _read_step_summaries(run_folder: str) -> dict[str, StepSummary]:
    folder = f"{run_folder}/{_STEPS_FOLDER}"
    return {
        file.removesuffix(".json"): StepSummary.model_validate_json(store.read_file(f"{folder}/{file}"))
        for file in store.list_names(folder)
    }


def join_summaries(folder: str, steps: Sequence[str], summaries: Mapping[str, StepSummary], state: str) -> Summary:
    """The summary of a run from those of its steps.

    A step without a summary was cached in a run that succeeded; in any other run it did not finish, as far as is known.

    Args:
        folder: URI of the run's folder in the publish directory.
        steps: names of all steps of the pipeline.
        state: the state of all steps together, from PipelineTaskFinalStatus.
    """
    steps = _with_slices(steps, summaries)
    ran = {step: summaries[step] for step in steps if step in summaries}
    silent = [step for step in steps if step not in ran]
    succeeded = state in _SUCCEEDED
    results: dict[str, Any] = {}
    for summary in ran.values():
        results |= summary.results
    pushed = [summary.pushed for summary in ran.values() if summary.pushed]
    return Summary(
        status="succeeded" if succeeded else "failed",
        seconds={step: summary.seconds for step, summary in ran.items() if summary.seconds is not None},
        memory={step: summary.memory for step, summary in ran.items() if summary.memory is not None},
        cached=silent if succeeded else [],
        unfinished=[] if succeeded else silent,
        artifacts={step: summary.artifacts for step, summary in ran.items() if summary.artifacts},
        pushed=pushed[0] if pushed else None,
        folder=folder,
        failure=None if succeeded else _find_failure(folder, ran, silent, state),
        versions=library_versions(),
        **results,
    )


def _with_slices(steps: Sequence[str], summaries: Mapping[str, StepSummary]) -> list[str]:
    """The names of the steps, with one for each slice of the catalogue in the place of the step that decodes them."""
    count = summaries[SOURCES].slices if SOURCES in summaries else 0
    slices = [slice_label(number) for number in range(1, count + 1)]
    # A pod that failed before it knew its slice wrote under the name of the step.
    named = [DECODE] if DECODE in summaries or not slices else []
    return [name for step in steps for name in ([*named, *slices] if step == DECODE else [step])]


def _find_failure(folder: str, ran: Mapping[str, StepSummary], silent: Sequence[str], state: str) -> Failure:
    """The failure that a step told of, else what is known of the steps that told of nothing."""
    for step, summary in ran.items():
        if summary.failure:
            return Failure(component=step, message=summary.failure, log=summary.log)
    where = f"The page of run {folder.rpartition('/')[2]} in Kubeflow shows the pods and their logs"
    if not silent:
        return Failure(component=None, message=f"the run ended as {state}, though every step finished. {where}")
    message = (
        f"these steps did not finish: {', '.join(silent)}. The run ended as {state}, and no step could say why, as "
        "when a container is killed for its memory, its time or its node; a step whose earlier result was used "
        f"leaves no word either. {where}"
    )
    return Failure(component=None, message=message)


def _explain_failure(failure: Failure) -> str:
    where = f" in {failure.component}" if failure.component else ""
    log = f"\nIts log: {failure.log}" if failure.log else ""
    return f"the run failed{where}: {failure.message}{log}"
