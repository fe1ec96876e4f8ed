"""What each step's container runs: TFX's own executor inside of the step's adapter, or a step that TFX does not have.

Each process that decodes images imports this module again: what takes long to import is imported where it is used.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

from diptych.kubeflow.container.adapters import ADAPTERS
from diptych.kubeflow.container.manifests import check_inputs, store_manifests
from diptych.kubeflow.container.sources import run_sources
from diptych.kubeflow.container.store import STORES_VARIABLE
from diptych.kubeflow.container.task import StepError, Task, container_path
from diptych.kubeflow.environment import RUN_ID_VARIABLE
from diptych.models.errors import FAILED, OK, DiptychError
from diptych.models.shown_text import show_text

# Runs a step and returns its ExecutorOutput.
_Run = Callable[[Task, argparse.Namespace, list[str]], dict[str, Any]]
#: Kubernetes' terminationMessagePath. Argo adds what it holds to the message of a step that failed, and KFP shows that.
TERMINATION_FILE = "dev/termination-log"
# More, Kubernetes takes from the end.
_TERMINATION_BYTES = 4096


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one step; returns 0, or 1 after a message on standard error."""
    parser = argparse.ArgumentParser(prog="python -m diptych.kubeflow.container.entrypoint", description=__doc__)
    parser.add_argument("mode", choices=sorted(_MODES))
    parser.add_argument("--artifacts", choices=["mirrored", "native", "remote"], required=True)
    parser.add_argument("--step", required=True, help="name of the task")
    parser.add_argument("--outputs", default="", help="names of the component's output artifacts, with commas between")
    parser.add_argument("--run-id", help=f"id of the run; without it, the variable {RUN_ID_VARIABLE} has it")
    parser.add_argument("--json_serialized_invocation_args", required=True, help="KFP's ExecutorInput, as JSON")
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}", help="the inputs' types, as JSON")
    parser.add_argument("--executor_class_path")
    options, beam_arguments = parser.parse_known_args(arguments)
    try:
        task = _make_task(options)
        _MODES[options.mode](task, options, beam_arguments)
    except DiptychError as error:
        return _report_failure(options.step, str(error))
    except Exception as error:
        from diptych.pipeline.runs.summary import explain_error

        logging.getLogger(__name__).error("%s failed\n%s", options.step, show_text(traceback.format_exc()))
        return _report_failure(options.step, explain_error(error))
    return OK


def _report_failure(step: str, message: str) -> int:
    """Puts the message where people look for it: into the log, and into what Kubernetes keeps of a container's end."""
    sentence = show_text(f"diptych: {step} failed: {message}\n")
    sys.stderr.write(sentence)
    path = container_path(TERMINATION_FILE)
    # It is there in a pod only.
    if os.path.exists(path):
        with suppress(OSError), open(path, "wb") as file:
            file.write(sentence.encode()[:_TERMINATION_BYTES])
    return FAILED


def _make_task(options: argparse.Namespace) -> Task:
    """The task, in a process that reaches the store."""
    given = options.json_serialized_invocation_args
    run_id = options.run_id or os.environ.get(RUN_ID_VARIABLE)
    if not run_id:
        raise StepError(f"the run's id is neither in --run-id nor in {RUN_ID_VARIABLE}: compile the pipeline again")
    task = Task(options.artifacts, options.step, run_id, given, options.outputs.split(","))
    if options.artifacts != "native" and STORES_VARIABLE not in os.environ:
        from diptych.kubeflow.container.store_endpoint import connect_store

        connect_store(task, given)
    return task


def _run_and_summarise(run: _Run, task: Task, options: argparse.Namespace, beam_arguments: list[str]) -> None:
    """Runs a step, and leaves its summary for that of the run."""
    from diptych.kubeflow.container.publish import StepSummary, write_step_summary

    started = time.monotonic()
    try:
        output = run(task, options, beam_arguments)
    except Exception as error:
        from diptych.pipeline.runs.summary import explain_error

        write_step_summary(task, StepSummary.of_failure(task, explain_error(error)))
        raise
    write_step_summary(task, StepSummary.of_success(task, time.monotonic() - started, output))


def _run_executor(task: Task, options: argparse.Namespace, beam_arguments: list[str]) -> dict[str, Any]:
    """Runs TFX's executor and returns its ExecutorOutput, with URIs."""
    task.fill_input_types(options.json_serialized_inputs_spec_args)
    task.map_artifacts()
    check_inputs(task)
    from google.protobuf import json_format
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    adapter = ADAPTERS.get(task.name)
    with adapter(task) if adapter else nullcontext():
        task.remove_output()
        options.json_serialized_invocation_args = json_format.MessageToJson(task.executor_input)
        kubeflow_v2_run_executor.main((options, beam_arguments))
    store_manifests(task)
    return task.restore_output_uris()


def _run_sources(task: Task, *_: Any) -> dict[str, Any]:
    return run_sources(task)


def _run_decode(task: Task, *_: Any) -> dict[str, Any]:
    from diptych.kubeflow.container.decode import run_decode

    return run_decode(task)


def _run_publish(task: Task, *_: Any) -> None:
    from diptych.kubeflow.container.publish import run_publish

    run_publish(task)


#: How a step is run, by the first argument of its command.
_MODES: dict[str, Callable[[Task, argparse.Namespace, list[str]], None]] = {
    "step": partial(_run_and_summarise, _run_executor),
    "sources": partial(_run_and_summarise, _run_sources),
    "decode": partial(_run_and_summarise, _run_decode),
    "publish": _run_publish,
}


if __name__ == "__main__":
    sys.exit(main())
