"""``diptych submit`` at an API server that takes only what KFP's published API allows."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.models.errors import FAILED, OK, USAGE
from diptych.pipeline.cli.main import main
from tests.kubeflow.client.api_server import ApiServer, RunSnapshot, read_spec
from tests.kubeflow.client.conftest import Submit


def test_the_first_submission_makes_pipeline_version_experiment_and_run(
    server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command() == OK
    (pipeline,), (version,), (experiment,), (run,) = (
        list(store.values()) for store in (server.pipelines, server.versions, server.experiments, server.runs)
    )
    assert (pipeline.display_name, experiment.display_name) == ("shop", "shop")
    assert run.display_name == f"shop {version.display_name}"
    output = capfd.readouterr()
    assert output.out.splitlines() == [
        f"Pipeline shop, version {version.display_name}",
        f"Run: {server.url}/#/runs/details/run-1",
    ]
    assert output.err == ""


def test_the_second_submission_adds_a_version(server: ApiServer, command: Submit, spec: dict[str, Any]) -> None:
    assert command() == OK
    spec["sdkVersion"] = "another"
    assert command() == OK
    assert len(server.pipelines) == len(server.experiments) == 1
    assert len({version.display_name for version in server.versions.values()}) == 2
    assert server.runs["run-2"].pipeline_version_reference.pipeline_version_id == "pipeline_version-2"


def test_names_namespace_and_root_reach_the_server(server: ApiServer, command: Submit) -> None:
    server.multi_user = True
    options = ["--namespace", "team", "--experiment", "trial", "--run-name", "first", "--pipeline-root", "s3://b/p"]
    assert command(*options) == OK
    assert {thing.namespace for thing in (*server.pipelines.values(), *server.experiments.values())} == {"team"}
    assert server.experiments["experiment-1"].display_name == "trial"
    assert server.runs["run-1"].display_name == "first"
    assert server.runs["run-1"].runtime_config.pipeline_root == "s3://b/p"


@pytest.mark.parametrize("recurring", [False, True])
def test_the_settings_root_reaches_the_server(server: ApiServer, command: Submit, recurring: bool) -> None:
    """KFP never reads the ``defaultPipelineRoot`` of the spec: what it is not told lies in its own place."""
    assert command(*(["--recurring", "0 3 * * *"] if recurring else [])) == OK
    (run,) = (server.recurring_runs if recurring else server.runs).values()
    assert run.runtime_config.pipeline_root == "minio://shop/artifacts"


@pytest.mark.parametrize("root", ["ftp://x", "minio://", "/folder", "minio://shop/a?region=x"])
def test_a_root_in_no_store_is_refused(
    root: str, server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        command("--pipeline-root", root)
    assert error.value.code == USAGE
    assert "--pipeline-root: it must be a URI in an object store: minio://" in capfd.readouterr().err
    assert not server.requests


@pytest.mark.parametrize(
    ("health", "accepted"),
    [
        ({"tag_name": "2.15.0"}, True),
        ({"tag_name": "2.14.9"}, False),
        ({"tag_name": "v1.8.22"}, False),
        ({"apiServerTagName": "2.5.0"}, False),  # as the user interface says it
        ({"tag_name": "unknown"}, True),
        ({}, True),
    ],
)
def test_a_server_that_is_too_old_is_refused_where_it_says_so(
    health: dict[str, str], accepted: bool, server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    server.health = health
    assert command() == (OK if accepted else FAILED)
    if not accepted:
        assert "2.15 or newer is needed" in capfd.readouterr().err
        assert not server.pipelines


def test_kfps_variables_apply(
    server: ApiServer,
    spec: dict[str, Any],
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "https://ui.example")
    monkeypatch.setenv("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME", "from-environment")
    assert main(["submit", config]) == OK
    assert server.experiments["experiment-1"].display_name == "from-environment"
    assert "Run: https://ui.example/#/runs/details/run-1" in capfd.readouterr().out


def test_parameters_take_the_declared_types(server: ApiServer, command: Submit) -> None:
    given = {"epochs": "5", "rate": "1e-3", "note": "a=b", "fast": "true", "sizes": "[1, 2]", "options": '{"a": 1}'}
    assert command(*(text for name, value in given.items() for text in ("--param", f"{name}={value}"))) == OK
    assert server.runs["run-1"].runtime_config.parameters == {
        "epochs": 5, "rate": 0.001, "note": "a=b", "fast": True, "sizes": [1, 2], "options": {"a": 1}
    }  # fmt: skip


@pytest.mark.parametrize("param", ["epochs=five", "fast=1", "sizes={}", "options=x", "epoch=5"])
def test_wrong_parameters_are_refused_before_anything_is_uploaded(
    param: str, server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("--param", param) == USAGE
    assert "--param" in capfd.readouterr().err
    assert not server.pipelines


def test_a_missing_parameter_is_named(command: Submit, spec: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    spec["root"]["inputDefinitions"]["parameters"] = {"catalogue": {"parameterType": "STRING"}}
    assert command() == USAGE
    assert "--param catalogue=VALUE" in capfd.readouterr().err


def test_no_cache_makes_every_task_run(server: ApiServer, command: Submit) -> None:
    assert command("--no-cache") == OK
    uploaded = read_spec(server.requests_for("upload_pipeline_version")[0].body)
    caches = [task["cachingOptions"]["enableCache"] for task in uploaded["root"]["dag"]["tasks"].values()]
    assert caches == [False, False]


def test_a_recurring_run(server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    assert command("--recurring", "30 3 * * mon-fri", "--param", "epochs=4") == OK
    (recurring,) = server.recurring_runs.values()
    assert recurring.trigger.cron_schedule.cron == "0 30 3 * * mon-fri"
    assert recurring.runtime_config.parameters == {"epochs": 4}
    assert not server.runs
    assert f"{server.url}/#/recurringrun/details/recurring_run-1" in capfd.readouterr().out


@pytest.mark.parametrize("schedule", ["often", "* * *"])
def test_a_schedule_that_the_server_refuses_is_explained(
    schedule: str, server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("--recurring", schedule) == FAILED
    error = capfd.readouterr().err
    assert f"diptych: {server.url} rejects the recurring run (400); it says: Schedule cron is not a supported" in error
    assert len(error.splitlines()) == 1
    assert not server.recurring_runs


def test_a_missing_host_is_a_usage_error(spec: dict[str, Any], config: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", config]) == USAGE
    assert "--host" in capfd.readouterr().err


def test_a_rejected_spec_shows_the_servers_message(
    command: Submit, spec: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    spec["schemaVersion"] = "2.0.0"
    assert command() == FAILED
    error = capfd.readouterr().err
    assert "rejects the pipeline's new version (400)" in error
    assert "KFP only supports schema version 2.1.0, but the pipeline spec has version 2.0.0" in error


def test_what_the_compiler_really_writes_is_accepted(
    server: ApiServer, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tfx")
    server.snapshots = [RunSnapshot("SUCCEEDED", {"Trainer": "SUCCEEDED"})]
    assert main(["submit", config, "--host", server.url, "--wait", "--no-cache"]) == OK
    output = capfd.readouterr()
    assert "Trainer SUCCEEDED" in output.out
    assert output.err == ""
    uploaded = read_spec(server.requests_for("upload_pipeline_version")[0].body)
    dags = [part["dag"] for part in (uploaded["root"], *uploaded["components"].values()) if "dag" in part]
    tasks = {name: task for dag in dags for name, task in dag["tasks"].items()}
    assert "Trainer" in tasks
    assert not any(task["cachingOptions"]["enableCache"] for task in tasks.values())
