"""KFP's ExecutorInput, as a step's container gets it on the command line."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stderr
from tempfile import TemporaryDirectory
from unittest.mock import patch

from diptych.kubeflow.container.store_endpoint import _api_of_inputs, connect_store
from diptych.kubeflow.container.task import ROOT_VARIABLE, Task
from diptych.kubeflow.environment import ENDPOINT_VARIABLE
from tests.conformance.recordings import recordings
from tests.fuzz.target import Target, refusals, split_choice, with_choices

_SPEC = b"\n%%\n"


def _executor_input(content: bytes) -> None:
    """An ExecutorInput, and below it the types of its inputs."""
    choice, content = split_choice(content, 2)
    given, _, spec = content.decode(errors="replace").partition(_SPEC.decode())
    with (
        TemporaryDirectory() as root,
        patch.dict(os.environ, {ROOT_VARIABLE: root, ENDPOINT_VARIABLE: "http://127.0.0.1:9"}),
        refusals(),
    ):
        task = Task(("mirrored", "native")[choice], "Trainer", "run-7", given, ["model"])
        with redirect_stderr(io.StringIO()):
            connect_store(task, given)
        with refusals():
            _api_of_inputs(task)
        task.fill_input_types(spec or "{}")
        _ = [task.pop_parameter(name) for name in sorted(task.parameters)]
        assert not task.parameters


def _recorded() -> Iterator[bytes]:
    spec = json.dumps({"artifacts": {"examples": {"artifactType": {"instanceSchema": "title: tfx.Examples\n"}}}})
    for recording in recordings():
        for name in ("Trainer", "Evaluator"):
            for recorded in (step for key, step in recording.executor_inputs["first run"].items() if name in key):
                yield json.dumps(recorded).encode() + _SPEC + spec.encode()


_WORDS = [
    b'"parameterValues":',
    b'"store_session_info":',
    b'"publish_directory":',
    b'"executor-logs":',
    b'"artifacts":',
    b'"uri":',
    b'"outputs":',
    b'"instanceSchema":',
]

TARGETS = {"executor_input": Target(_executor_input, lambda: with_choices(2, _recorded()), _WORDS)}
