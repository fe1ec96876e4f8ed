"""A KFP API server, a small pipeline that the compiler seems to write, and the command that submits it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.kubeflow.client import watch
from diptych.pipeline.cli.main import main
from tests.kubeflow.client.api_server import ApiServer

#: Submits with options, and returns the exit code.
Submit = Callable[..., int]

CONFIG = "name: shop\ndata: {catalogue: catalogue.csv}\nkubeflow:\n  catalogue: minio://shop/catalogue.csv\n"
CONFIG += "  pipeline_root: minio://shop/artifacts\n"
PARAMETERS = {
    "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3},
    "rate": {"parameterType": "NUMBER_DOUBLE", "isOptional": True},
    "note": {"parameterType": "STRING", "isOptional": True},
    "fast": {"parameterType": "BOOLEAN", "defaultValue": False},
    "sizes": {"parameterType": "LIST", "isOptional": True},
    "options": {"parameterType": "STRUCT", "isOptional": True},
}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as running:
        yield running


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The spec that the compiler writes, with two tasks, one after the other; a test may change it."""
    task = {"cachingOptions": {"enableCache": True}, "componentRef": {"name": "comp-step"}}
    spec: dict[str, Any] = {
        "pipelineInfo": {"name": "shop"},
        "schemaVersion": "2.1.0",
        "root": {
            "inputDefinitions": {"parameters": dict(PARAMETERS)},
            "dag": {
                "tasks": {
                    "Trainer": {**task, "taskInfo": {"name": "Trainer"}},
                    "Pusher": {**task, "taskInfo": {"name": "Pusher"}, "dependentTasks": ["Trainer"]},
                }
            },
        },
        "components": {"comp-step": {"executorLabel": "exec-step"}},
        "deploymentSpec": {"executors": {"exec-step": {"container": {"image": "diptych", "command": ["true"]}}}},
    }

    def write(_: Any, output: str, target: str = "kfp") -> list[str]:
        written = {"pipelineSpec": spec, "runtimeConfig": {}} if target == "vertex" else spec
        Path(output).write_text(json.dumps(written) if target == "vertex" else yaml.safe_dump(written))
        return sorted(spec["root"]["dag"]["tasks"])

    monkeypatch.setattr("diptych.kubeflow.compiler.compile_pipeline", write)
    return spec


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A diptych.yaml in the working directory.

    What kfp would read of this machine is hidden: its environment variables, its own configuration, and the files of a
    pod's service account, which lie in ``pod/`` of the working directory if a test writes them.
    """
    for name in [name for name in os.environ if name.startswith("KF_PIPELINES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    monkeypatch.setattr("kfp.Client._NAMESPACE_PATH", str(tmp_path / "pod/namespace"))
    monkeypatch.setattr("kfp.client.KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "pod/token"))
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(watch, "RETRY_SECONDS", (0.01, 0.01))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalogue.csv").write_text("image,description,label\n")
    (tmp_path / "diptych.yaml").write_text(CONFIG)
    return str(tmp_path / "diptych.yaml")


@pytest.fixture
def command(server: ApiServer, spec: dict[str, Any], config: str) -> Submit:
    """``diptych submit`` at the server."""
    return lambda *options: main(["submit", config, "--host", server.url, *options])
