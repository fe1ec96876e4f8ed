"""What engines in Java send: the errors of workers within their own, and what stands for a missing or lost worker.

The texts have the form that Beam's Java runners print (``FnApiControlClient``, ``ExternalEnvironmentFactory``).
"""

from __future__ import annotations

import pytest

from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.engines.errors import EngineError, explained_errors

FAILED = "Pipeline job-1 failed in state FAILED: "
JAVA = "java.util.concurrent.ExecutionException: java.lang.RuntimeException: "
STACK = (
    "\n\n\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient$ResponseStreamObserver.onNext"
    "(FnApiControlClient.java:180)\n\tat java.base/java.lang.Thread.run(Thread.java:829)\n"
)
HARNESS = "Error received from SDK harness for instruction 4: Traceback (most recent call last):\n"
RAISED = '  File "common.py", line 1498, in process\n'
OURS = "diptych.components.catalogue.readers.rows.CatalogueError: a.csv, row 3: no image;\nadd one"


def explain(text: str) -> Exception:
    with pytest.raises(Exception) as caught, explained_errors("jobs:8099", "localhost:50000"):
        raise RuntimeError(FAILED + text)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        JAVA + HARNESS + RAISED + OURS + " [while running 'ref_AppliedPTransform_CutSource_5']" + STACK,
        JAVA + HARNESS + RAISED + OURS + STACK,
        "java.lang.RuntimeException: "
        + HARNESS
        + RAISED
        + OURS
        + "\n\nDuring handling of the above exception, another "
        "exception occurred:\n\nTraceback (most recent call last):\n" + RAISED + OURS + " [while running 'X']" + STACK,
        "Caused by: " + JAVA + HARNESS + RAISED + "KeyError: 'a'\n\nThe above exception was the direct cause of the "
        "following exception:\n\nTraceback (most recent call last):\n" + RAISED + OURS + STACK + "Caused by: " + JAVA,
    ],
    ids=["of a transform", "of a bundle", "while handling itself", "with a cause"],
)
def test_an_error_of_ours_is_found_in_those_of_java(text: str) -> None:
    error = explain(text)
    assert type(error) is CatalogueError
    assert str(error) == "a.csv, row 3: no image;\nadd one"


def test_any_other_error_of_a_worker_is_its_last_line() -> None:
    error = explain(JAVA + HARNESS + RAISED + "KeyError: 'label' [while running 'X']" + STACK)
    assert type(error) is RuntimeError
    assert str(error) == "on a worker of Beam: KeyError: 'label'"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (
            "java.lang.RuntimeException: org.apache.beam.vendor.grpc.v1p69p0.io.grpc.StatusRuntimeException: "
            "UNAVAILABLE: io exception\n\tat org.apache.beam.runners.fnexecution.environment.ExternalEnvironmentFactory"
            ".createEnvironment(ExternalEnvironmentFactory.java:112)",
            "beam.worker_pool: the task managers find no worker pool at 'localhost:50000'; run 'python -m ",
        ),
        (
            "org.apache.beam.vendor.grpc.v1p69p0.io.grpc.StatusRuntimeException: CANCELLED: client cancelled",
            "beam.workers: a worker of Beam was killed",
        ),
    ],
)
def test_workers_that_are_missing_or_lost_are_named(text: str, start: str) -> None:
    error = explain(text)
    assert isinstance(error, EngineError)
    assert str(error).startswith(start)


def test_what_says_nothing_of_a_worker_stays_as_it_is() -> None:
    assert str(explain("unknown error")) == f"{FAILED}unknown error"
