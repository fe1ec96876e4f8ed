"""What each step's container runs: TFX's own executor inside of the step's adapter, or a step that TFX does not have.

Each process that decodes images imports this module again: what takes long to import is imported where it is used.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from diptych.kubeflow.container.adapters import ADAPTERS
from diptych.kubeflow.container.sources import run_sources
from diptych.kubeflow.container.task import Task
from diptych.models.errors import FAILED, OK, DiptychError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one step; returns 0, or 1 after a message on standard error."""
    parser = argparse.ArgumentParser(prog="python -m diptych.kubeflow.container.entrypoint", description=__doc__)
    parser.add_argument("mode", choices=sorted(_MODES))
    parser.add_argument("--artifacts", choices=["mirrored", "native"], required=True)
    parser.add_argument("--step", required=True, help="name of the task")
    parser.add_argument("--json_serialized_invocation_args", required=True, help="KFP's ExecutorInput, as JSON")
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}", help="the inputs' types, as JSON")
    parser.add_argument("--executor_class_path")
    options, beam_arguments = parser.parse_known_args(arguments)
    try:
        task = Task(options.artifacts, options.step, options.json_serialized_invocation_args)
        _MODES[options.mode](task, options, beam_arguments)
    except DiptychError as error:
        return _report_failure(options.step, str(error))
    except Exception as error:
        from diptych.pipeline.runs.summary import explain_error

        logging.getLogger(__name__).exception("%s failed", options.step)
        return _report_failure(options.step, explain_error(error))
    return OK


def _report_failure(step: str, message: str) -> int:
    sys.stderr.write(f"diptych: {step} failed: {message}\n")
    return FAILED


def _run_component(task: Task, options: argparse.Namespace, beam_arguments: list[str]) -> None:
    """Runs a component of the DAG, and leaves the summary of this step for that of the run."""
    from diptych.kubeflow.container.publish import StepSummary, write_step_summary

    directory = task.pop_parameter("publish_directory")
    started = time.monotonic()
    try:
        output = _run_executor(task, options, beam_arguments)
    except Exception as error:
        from diptych.pipeline.runs.summary import explain_error

        write_step_summary(directory, task.run_id, task.name, StepSummary.of_failure(task, explain_error(error)))
        raise
    summary = StepSummary.of_success(task, time.monotonic() - started, output)
    write_step_summary(directory, task.run_id, task.name, summary)


def _run_executor(task: Task, options: argparse.Namespace, beam_arguments: list[str]) -> dict[str, Any]:
    """Runs TFX's executor and returns its ExecutorOutput, with URIs."""
    from google.protobuf import json_format
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    task.map_artifacts()
    adapter = ADAPTERS.get(task.name)
    with adapter(task) if adapter else nullcontext():
        task.remove_output()
        options.json_serialized_invocation_args = json_format.MessageToJson(task.executor_input)
        kubeflow_v2_run_executor.main((options, beam_arguments))
    return task.restore_output_uris()


def _run_sources(task: Task, *_: Any) -> None:
    run_sources(task)


def _run_publish(task: Task, *_: Any) -> None:
    from diptych.kubeflow.container.publish import run_publish

    run_publish(task)


#: How a step is run, by the first argument of its command.
_MODES = {"step": _run_component, "sources": _run_sources, "publish": _run_publish}


if __name__ == "__main__":
    sys.exit(main())
