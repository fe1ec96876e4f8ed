"""Beam pipelines that end on every runner: with a result, with an error that says what to do, or by a limit of time."""

from __future__ import annotations

import argparse
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.runners.runner import PipelineState

from diptych.components.engines.direct_workers import watch_direct_workers
from diptych.components.engines.errors import EngineError, explained_errors
from diptych.components.engines.reaching import check_engine
from diptych.models.progress import describe_duration

# A command that was told to end has little time: diptych.pipeline.cli.stopping.
_CANCEL_SECONDS = 5.0


class EngineOptions(PipelineOptions):
    """The option of Beam that says how long a job may take."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--timeout_minutes", type=float, default=None, help="when a job is cancelled")


class EnginePipeline(beam.Pipeline):
    """A pipeline whose run waits for its end."""

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(argv=[*arguments, *_request_timeout(arguments)])

    def run(self, test_runner_api: bool | str = "AUTO") -> Any:
        """Runs the pipeline, and returns Beam's result when it has ended.

        A job that is not waited for any longer, because of its limit of time or of a signal, is cancelled.

        Raises:
            EngineError: the engine cannot be reached, loses a worker, or does not end the job in time.
            DiptychError: a worker has raised it.
            RuntimeError: a worker has raised anything else.
        """
        check_engine(self._options)
        watch_direct_workers()
        portable = self._options.view_as(PortableOptions)
        minutes = self._options.view_as(EngineOptions).timeout_minutes
        with explained_errors(portable.job_endpoint or "", portable.environment_config or ""):
            start = time.monotonic()
            if portable.job_endpoint and minutes:
                result = _submit_within(minutes, lambda: super(EnginePipeline, self).run(test_runner_api))
            else:
                result = super().run(test_runner_api)
            _wait(result, minutes, start)
        return result


def _request_timeout(arguments: Sequence[str]) -> list[str]:
    """Beam's limit for requests to a job server, which would else end the stream of a job's states after a minute."""
    minutes = EngineOptions(list(arguments)).timeout_minutes
    return [f"--job_server_timeout={math.ceil(minutes * 60) + 60}"] if minutes else []


def _submit_within(minutes: float, submit: Callable[[], Any]) -> Any:
    """Beam's result for a job that is handed to a job server, for whose answer Beam itself waits without a limit.

    Raises:
        EngineError: it does not answer in time. The job is cancelled when it does.
    """
    outcome: list[Any] = []
    failure: list[BaseException] = []
    is_given_up = threading.Event()

    def run() -> None:
        try:
            outcome.append(submit())
        except BaseException as error:
            failure.append(error)
        if outcome and is_given_up.is_set():
            _cancel(outcome[0])

    thread = threading.Thread(target=run, name="beam_submission", daemon=True)
    thread.start()
    try:
        thread.join(minutes * 60)
        if failure:
            raise failure[0]
        if not outcome:
            raise EngineError(_too_long("the job server did not take a job", minutes))
    except BaseException:
        is_given_up.set()
        raise
    return outcome[0]


def _wait(result: Any, minutes: float | None, start: float) -> None:
    """Waits until a job has ended; cancels it if it does not in time, or the wait is interrupted."""
    left = None if minutes is None else max(minutes * 60 - (time.monotonic() - start), 0.001)
    try:
        state = result.wait_until_finish(None if left is None else left * 1000)
    except BaseException:
        _cancel(result)
        raise
    if minutes is not None and not PipelineState.is_terminal(state):
        _cancel(result)
        raise EngineError(_too_long("a job of Beam's was cancelled: it did not end", minutes))


def _too_long(what: str, minutes: float) -> str:
    return (
        f"beam.timeout_minutes: {what} within {describe_duration(minutes * 60)}; see in the engine's log what it "
        "waited for, such as a free slot or a worker that was killed, or raise the limit"
    )


def _cancel(result: Any) -> None:
    """Cancels a job, and waits a while until its workers have ended."""

    def ask() -> None:
        with suppress(Exception):
            if PipelineState.is_terminal(result.state):
                return
            result.cancel()
            while not PipelineState.is_terminal(result.state):
                time.sleep(0.1)

    thread = threading.Thread(target=ask, name="beam_cancellation", daemon=True)
    thread.start()
    thread.join(_CANCEL_SECONDS)
