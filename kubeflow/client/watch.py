"""Watches a run on Kubeflow Pipelines until it ends."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from diptych.components.artifacts import REPORT_FILE
from diptych.kubeflow.client.server import Server, SubmitError
from diptych.pipeline.runs.run_folder import SUMMARY_FILE

POLL_SECONDS = 5.0
#: Pauses before each further attempt to read a run: a cluster's gateway may restart while a model trains.
RETRY_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)

_SUCCEEDED, _FAILED = "SUCCEEDED", "FAILED"
_END_STATES = (_SUCCEEDED, _FAILED, "SKIPPED", "CANCELED")
_REPORT = "Report"
# What the entry point of a step writes to its log when it fails, and to what Kubernetes keeps of a container's end.
_SENTENCE = re.compile(r"\bdiptych: (\w+) failed: (.+)$", re.MULTILINE)
# HTTP statuses that may pass; None is no answer at all.
_TRANSIENT = (None, 401, 429, 500, 502, 503, 504)


def watch_run(
    server: Server, run_id: str, tasks: Sequence[str], link: str, published: str | None, say: Callable[[str], None]
) -> None:
    """Says a line for each change of a task's state until the run ends, then where its report is.

    Args:
        tasks: names of the pipeline's tasks; others, which KFP lists for itself, are left out.
        link: URL of the run's page.
        published: folder of the run in the publish directory; None if the pipeline has none.
        say: prints one line.

    Raises:
        SubmitError: the run did not succeed, or can no longer be read.
    """
    states: dict[str, str] = {}
    try:
        while (run := _get_run(server, run_id)).state not in _END_STATES:
            _say_changes(run, tasks, states, say)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        say(f"The run goes on: {link}")
        raise
    except SubmitError as error:
        raise SubmitError(f"{error}\nThe run goes on: {link}", error.status) from None
    _say_changes(run, tasks, states, say)
    say(f"The run {run.state}")
    reported = any((task.display_name, task.state) == (_REPORT, _SUCCEEDED) for task in _task_details(run))
    if published and reported:
        say(f"Report: {published}/{REPORT_FILE}, and at {link} among the step's visualizations")
    if run.state != _SUCCEEDED:
        where = [f"  summary: {published}/{SUMMARY_FILE}"] if published else []
        failures = _failures(server, run, tasks)
        raise SubmitError("\n".join([f"the run ended as {run.state}: {link}", *failures, *where]))


def _get_run(server: Server, run_id: str) -> Any:
    """The run as the server describes it, asked for again after failures that may pass."""
    for seconds in RETRY_SECONDS:
        try:
            with server.client() as client:
                return client.get_run(run_id)
        except SubmitError as error:
            if error.status not in _TRANSIENT:
                raise
        time.sleep(seconds)
        with suppress(SubmitError):
            server.connect()  # the token may have expired, and its file hold a fresh one
    with server.client() as client:
        return client.get_run(run_id)


def _task_details(run: Any) -> list[Any]:
    return list(run.run_details.task_details or []) if run.run_details else []


def _say_changes(run: Any, tasks: Sequence[str], states: dict[str, str], say: Callable[[str], None]) -> None:
    """Says which tasks changed their state since ``states``, which is by id, and records the new ones there.

    The tasks of a loop have one name.
    """
    for task in _task_details(run):
        if task.display_name in tasks and task.state and states.get(task.task_id) != task.state:
            states[task.task_id] = task.state
            say(f"{datetime.now():%H:%M:%S} {task.display_name} {task.state}")


def _failures(server: Server, run: Any, tasks: Sequence[str]) -> Iterator[str]:
    """A line for the run's error and for each failed task: what the step itself says, else what KFP says of it."""
    if message := _error_message(run):
        yield f"  {message}"
    failed = [task for task in _task_details(run) if task.state == _FAILED]
    told = set()
    for task in failed:
        for step, sentence in _read_sentences(server, run, task).items():
            if (step, sentence) not in told:
                told.add((step, sentence))
                yield f"  {step}: {sentence} (log of pod {task.pod_name})"
    explained = {step for step, _ in told}
    for task in failed:
        message = _error_message(task)
        # Once a step has spoken for itself, KFP's "exit status 1" about its pod says nothing more.
        if task.display_name not in explained and (task.display_name in tasks or (message and not explained)):
            yield f"  {task.display_name}: {message or 'no message; its log is on the page of the run'}"


def _read_sentences(server: Server, run: Any, task: Any) -> dict[str, str]:
    """What steps say in the end of a failed task's pod, or in its log, by step."""
    found = _SENTENCE.findall(_error_message(task))
    if not found and task.pod_name:
        found = _SENTENCE.findall(server.read_log(run.run_id, task.pod_name))
    return dict(found)


def _error_message(run_or_task: Any) -> str:
    """The message of a run's or task's own error, else the last one in the history of its states, else nothing."""
    errors = [status.error for status in run_or_task.state_history or []] + [run_or_task.error]
    messages = [error.message for error in errors if error and error.message]
    return str(messages[-1]) if messages else ""
