"""``diptych submit`` against an API server that takes only what KFP's published API allows."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.kubeflow.client import server as server_module
from diptych.kubeflow.client import submit
from diptych.kubeflow.client.cron import cron
from diptych.kubeflow.client.server import Server
from diptych.models.errors import FAILED, OK, USAGE
from diptych.pipeline.cli.main import main
from tests.kubeflow.client.api_server import ApiServer, Moment, read_spec

SECRET = "eyJ-very-secret"
CONFIG = "name: shop\ndata: {catalogue: catalogue.csv}\nkubeflow: {catalogue: 'minio://shop/catalogue.csv'}\n"
PARAMETERS = {
    "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3},
    "rate": {"parameterType": "NUMBER_DOUBLE", "isOptional": True},
    "note": {"parameterType": "STRING", "isOptional": True},
    "fast": {"parameterType": "BOOLEAN", "defaultValue": False},
    "sizes": {"parameterType": "LIST", "isOptional": True},
    "options": {"parameterType": "STRUCT", "isOptional": True},
}
Submit = Callable[..., int]


def small_spec() -> dict[str, Any]:
    """Two tasks, one after the other."""
    task = {"cachingOptions": {"enableCache": True}, "componentRef": {"name": "comp-step"}}
    return {
        "pipelineInfo": {"name": "shop"},
        "schemaVersion": "2.1.0",
        "root": {
            "inputDefinitions": {"parameters": PARAMETERS},
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


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as running:
        yield running


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the compiler writes; a test may change it."""
    spec = small_spec()

    def write(_: Any, output: str, target: str = "kfp") -> list[str]:
        written = {"pipelineSpec": spec, "runtimeConfig": {}} if target == "vertex" else spec
        Path(output).write_text(json.dumps(written) if target == "vertex" else yaml.safe_dump(written))
        return sorted(spec["root"]["dag"]["tasks"])

    monkeypatch.setattr("diptych.kubeflow.compiler.compile_pipeline", write)
    return spec


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings in the working directory, and none of kfp's own."""
    for name in [name for name in os.environ if name.startswith("KF_PIPELINES_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    monkeypatch.setattr(submit, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(submit, "RETRY_SECONDS", (0.01, 0.01))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalogue.csv").write_text("image,description,label\n")
    (tmp_path / "diptych.yaml").write_text(CONFIG)
    return str(tmp_path / "diptych.yaml")


@pytest.fixture
def command(server: ApiServer, spec: dict[str, Any], config: str) -> Submit:
    """``diptych submit`` at the server."""
    return lambda *options: main(["submit", config, "--host", server.url, *options])


def usage(*options: str) -> int:
    """The exit code where the command line itself is wrong."""
    with pytest.raises(SystemExit) as stop:
        main(["submit", "diptych.yaml", *options])
    assert isinstance(stop.value.code, int)
    return stop.value.code


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


def test_several_users_need_a_namespace(server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    server.multi_user = True
    assert command() == FAILED
    assert "--namespace" in capfd.readouterr().err


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
    uploaded = read_spec(server.asked("upload_pipeline_version")[0].body)
    caches = [task["cachingOptions"]["enableCache"] for task in uploaded["root"]["dag"]["tasks"].values()]
    assert caches == [False, False]


def test_waiting_tells_every_change_until_the_run_succeeds(
    server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    driver = {"Trainer-driver": "SUCCEEDED", "executor": "RUNNING"}
    server.story = [
        Moment("PENDING", {}),
        Moment("RUNNING", {"Trainer": "RUNNING", **driver}),
        Moment("RUNNING", {"Trainer": "RUNNING", **driver}),
        Moment("RUNNING", {"Trainer": "SUCCEEDED", "Pusher": "RUNNING", **driver}),
        Moment("SUCCEEDED", {"Trainer": "SUCCEEDED", "Pusher": "SUCCEEDED", **driver}),
    ]
    assert command("--wait") == OK
    lines = capfd.readouterr().out.splitlines()[2:]
    assert [line.split(" ", 1)[1] for line in lines] == [
        "Trainer RUNNING",
        "Trainer SUCCEEDED",
        "Pusher RUNNING",
        "Pusher SUCCEEDED",
        "run SUCCEEDED",
    ]


def test_waiting_for_a_run_that_fails_tells_the_tasks_error(
    server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    tasks = {"Trainer": "FAILED", "executor": "FAILED", "Pusher": "SKIPPED"}
    server.story = [Moment("FAILED", tasks, {"executor": "OOMKilled (exit code 137)"})]
    assert command("--wait") == FAILED
    output = capfd.readouterr()
    assert "Trainer FAILED" in output.out
    assert "executor: OOMKilled (exit code 137)" in output.err
    assert "Trainer: no message" in output.err
    assert "Pusher" not in output.err
    assert "/#/runs/details/run-1" in output.err


@pytest.mark.parametrize("state", ["SKIPPED", "CANCELED"])
def test_waiting_ends_with_1_unless_the_run_succeeds(state: str, server: ApiServer, command: Submit) -> None:
    server.story = [Moment(state, {})]
    assert command("--wait") == FAILED


def test_waiting_outlasts_a_gateway_that_restarts(
    server: ApiServer, command: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.story = [Moment("RUNNING", {}), Moment("SUCCEEDED", {})]
    server.failures["get_run"] = (503, "<html>no upstream</html>")
    monkeypatch.setattr(Server, "connect", _after_first(Server.connect, server.failures.clear))
    assert command("--wait") == OK


def test_a_fresh_token_is_read_while_waiting(
    server: ApiServer, command: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("old")
    server.token = "old"
    server.story = [Moment("RUNNING", {}), Moment("SUCCEEDED", {})]

    def rotate(_: float) -> None:
        server.token = "new"
        (tmp_path / "token").write_text("new")

    monkeypatch.setattr("time.sleep", rotate)
    assert command("--wait", "--existing-token-file", "token") == OK


def test_waiting_gives_up_in_the_end(server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    server.failures["get_run"] = (503, "")
    assert command("--wait") == FAILED
    assert "The run goes on: " in capfd.readouterr().err


def test_a_recurring_run(server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    assert command("--recurring", "30 3 * * mon-fri", "--param", "epochs=4") == OK
    (recurring,) = server.recurring_runs.values()
    assert recurring.trigger.cron_schedule.cron == "0 30 3 * * mon-fri"
    assert recurring.runtime_config.parameters == {"epochs": 4}
    assert not server.runs
    assert f"{server.url}/#/recurringrun/details/recurring_run-1" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0 3 * * *", "0 0 3 * * *"),
        ("*/15 0-6,12 1 JAN ?", "0 */15 0-6,12 1 JAN ?"),
        ("10 0 3 * * 1-5", "10 0 3 * * 1-5"),
        ("@daily", "@daily"),
    ],
)
def test_cron_gets_seconds(text: str, read: str) -> None:
    assert cron(text) == read


@pytest.mark.parametrize(
    "text", ["", "often", "* * *", "60 * * * *", "0 24 * * *", "0 0 * * 7", "*/0 * * * *", "5-1 * * * *"]
)
def test_bad_cron_is_a_usage_error(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert usage("--host", "http://localhost", "--recurring", text) == USAGE
    assert "--recurring" in capfd.readouterr().err


@pytest.mark.parametrize(
    "host",
    ["localhost:8080", "ftp://host", "http://", "kfp", "https://user:pass@host", "http://host/#/runs", "http://h:port"],
)
def test_a_host_must_be_a_url(host: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert usage("--host", host) == USAGE
    error = capfd.readouterr().err
    assert "--host" in error
    assert "pass" not in error.replace("password", "")


def test_a_missing_host_is_a_usage_error(spec: dict[str, Any], config: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", config]) == USAGE
    assert "--host" in capfd.readouterr().err


def test_a_closed_port(spec: dict[str, Any], config: str, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert main(["submit", config, "--host", host]) == FAILED
    error = capfd.readouterr().err
    assert error.startswith(f"diptych: {host}: cannot be reached; ")
    assert len(error.splitlines()) == 1


def test_a_host_that_never_answers(
    spec: dict[str, Any], config: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "TIME_LIMITS", (0.1, 0.1))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        host = f"http://127.0.0.1:{mute.getsockname()[1]}"
        assert main(["submit", config, "--host", host]) == FAILED
    assert "no answer in time" in capfd.readouterr().err


def test_a_token_is_sent_and_a_refused_one_shown_nowhere(
    server: ApiServer, command: Submit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.token = SECRET
    assert command() == FAILED
    assert "--existing-token-file" in capfd.readouterr().err
    (tmp_path / "token").write_text(f"{SECRET}\n")
    assert command("--existing-token-file", "token") == OK
    assert server.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    server.failures["create_run"] = (401, {"message": f"bad header: Bearer {SECRET}", "code": 16})
    assert command("--existing-token-file", "token") == FAILED
    output = capfd.readouterr()
    assert "(401)" in output.err
    assert SECRET not in output.out + output.err


def test_cookies_are_sent(server: ApiServer, command: Submit, tmp_path: Path) -> None:
    (tmp_path / "cookies").write_text(f"authservice_session={SECRET}")
    assert command("--cookies-file", "cookies") == OK
    assert all(request.headers["Cookie"] == f"authservice_session={SECRET}" for request in server.requests)


@pytest.mark.parametrize("content", [None, "", f"{SECRET}\n{SECRET}", f"{SECRET}é"])
def test_secrets_must_be_one_line(
    content: str | None, command: Submit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    assert command("--existing-token-file", "token") == USAGE
    error = capfd.readouterr().err
    assert "--existing-token-file" in error
    assert SECRET not in error


def test_a_rejected_spec_shows_the_servers_message(
    command: Submit, spec: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    spec["schemaVersion"] = "2.0.0"
    assert command() == FAILED
    error = capfd.readouterr().err
    assert "rejects the pipeline's new version (400)" in error
    assert "KFP only supports schema version 2.1.0, but the pipeline spec has version 2.0.0" in error


@pytest.mark.parametrize(
    ("request_name", "status", "said"),
    [
        ("create_experiment", 403, "does not allow the experiment (403)"),
        ("upload_pipeline_version", 409, "submit again"),
        ("create_run", 400, "rejects the run (400); it says: because"),
        ("create_run", 500, "try again later"),
    ],
)
def test_other_answers_are_explained(
    request_name: str, status: int, said: str, server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    server.failures[request_name] = (status, {"error": "because", "code": 0, "message": "because"})
    assert command() == FAILED
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    ("status", "said"), [(404, "there is no KFP API"), (200, "answers with a page, not with KFP's API")]
)
def test_what_is_not_kfp(
    status: int, said: str, server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    server.failures["get_healthz"] = (status, "<html>Sign in</html>")
    assert command() == FAILED
    error = capfd.readouterr().err
    assert said in error
    assert "html" not in error


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


def test_the_servers_own_checks_find_mistakes(server: ApiServer) -> None:
    from tests.kubeflow.client.api_server import Refusal, check_model, find_endpoint

    for body in ({"name_of_run": "x"}, {"display_name": 3}, {"state": "DONE"}, {"runtime_config": []}):
        with pytest.raises(Refusal):
            check_model(body, "V2beta1Run", "run")
    with pytest.raises(Refusal):
        find_endpoint("GET", "/apis/v2beta1/no-such-thing")
    assert server.answer("GET", "/apis/v2beta1/healthz?verbose=1", {}, b"")[0] == 400


def test_what_the_compiler_really_writes_is_accepted(
    server: ApiServer, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tfx")
    server.story = [Moment("SUCCEEDED", {"Trainer": "SUCCEEDED"})]
    assert main(["submit", config, "--host", server.url, "--wait", "--no-cache"]) == OK
    output = capfd.readouterr()
    assert "Trainer SUCCEEDED" in output.out
    assert output.err == ""
    uploaded = read_spec(server.asked("upload_pipeline_version")[0].body)
    dags = [part["dag"] for part in (uploaded["root"], *uploaded["components"].values()) if "dag" in part]
    tasks = {name: task for dag in dags for name, task in dag["tasks"].items()}
    assert "Trainer" in tasks
    assert not any(task["cachingOptions"]["enableCache"] for task in tasks.values())


def test_what_the_compiler_writes_for_vertex_is_named_in_the_call(
    config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tfx")
    options = ["--set", "kubeflow.catalogue=gs://bucket/catalogue.csv", "--pipeline-root", "gs://bucket/root"]
    assert main(["submit", config, "--target", "vertex", *options, "--param", "epochs=5"]) == OK
    assert "'epochs': 5" in capfd.readouterr().out
    assert json.loads(Path("shop.vertex.json").read_text())["pipelineSpec"]["pipelineInfo"]["name"] == "shop"


def _after_first(method: Callable[..., None], then: Callable[[], None]) -> Callable[..., None]:
    """The method, with something else before every call but the first."""
    calls: list[object] = []

    def wrapped(*args: Any) -> None:
        if calls:
            then()
        calls.append(args)
        method(*args)

    return wrapped
