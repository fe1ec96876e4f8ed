"""``diptych submit --target vertex``: the Python that submits the pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.models.errors import OK, USAGE
from diptych.pipeline.cli.main import main
from tests.kubeflow.client.api_server import ApiServer
from tests.kubeflow.client.conftest import Submit


def test_vertex_prints_the_call_and_sends_nothing(
    server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["--target", "vertex", "--pipeline-root", "gs://bucket/root", "--param", "epochs=5", "--no-cache"]
    assert command(*options) == OK
    assert not server.requests
    printed = capfd.readouterr().out
    compile(printed, "call", "exec")
    for part in (
        "aiplatform.PipelineJob(",
        "template_path='shop.vertex.json'",
        "pipeline_root='gs://bucket/root'",
        "parameter_values={'epochs': 5}",
        "enable_caching=False",
        "job.submit()",
    ):
        assert part in printed
    assert json.loads(Path("shop.vertex.json").read_text())["pipelineSpec"]


def test_vertex_schedules_without_seconds(command: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--target", "vertex", "--pipeline-root", "gs://bucket/root", "--recurring", "0 3 * * *"]
    assert command(*options) == OK
    assert "job.create_schedule(cron='0 3 * * *'" in capfd.readouterr().out


def test_vertex_needs_google_storage(command: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    assert command("--target", "vertex") == USAGE
    assert "--pipeline-root" in capfd.readouterr().err


def test_what_the_compiler_writes_for_vertex_is_named_in_the_call(
    config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tfx")
    options = ["--set", "kubeflow.catalogue=gs://bucket/catalogue.csv", "--pipeline-root", "gs://bucket/root"]
    assert main(["submit", config, "--target", "vertex", *options, "--param", "epochs=5"]) == OK
    assert "'epochs': 5" in capfd.readouterr().out
    assert json.loads(Path("shop.vertex.json").read_text())["pipelineSpec"]["pipelineInfo"]["name"] == "shop"
