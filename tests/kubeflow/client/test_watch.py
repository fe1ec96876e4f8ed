"""``diptych submit --wait``: a line for each change, until the run ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.client.server import Server
from diptych.models.errors import FAILED, OK
from tests.kubeflow.client.api_server import ApiServer, RunSnapshot
from tests.kubeflow.client.conftest import Submit

SENTENCE = "diptych: Trainer failed: the loss is not finite"


def test_waiting_tells_every_change_until_the_run_succeeds(
    server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    driver = {"Trainer-driver": "SUCCEEDED", "executor": "RUNNING"}
    server.snapshots = [
        RunSnapshot("PENDING", {}),
        RunSnapshot("RUNNING", {"Trainer": "RUNNING", **driver}),
        RunSnapshot("RUNNING", {"Trainer": "RUNNING", **driver}),
        RunSnapshot("RUNNING", {"Trainer": "SUCCEEDED", "Pusher": "RUNNING", **driver}),
        RunSnapshot("SUCCEEDED", {"Trainer": "SUCCEEDED", "Pusher": "SUCCEEDED", **driver}),
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
    server.snapshots = [RunSnapshot("FAILED", tasks, {"executor": "OOMKilled (exit code 137)"})]
    assert command("--wait") == FAILED
    output = capfd.readouterr()
    assert "Trainer FAILED" in output.out
    assert "executor: OOMKilled (exit code 137)" in output.err
    assert "Trainer: no message" in output.err
    assert "Pusher" not in output.err
    assert "/#/runs/details/run-1" in output.err


def test_the_tasks_of_a_loop_are_told_apart(
    server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]
) -> None:
    name = "Trainer"
    server.snapshots = [
        RunSnapshot("RUNNING", {f"{name}#0": "RUNNING", f"{name}#1": "SUCCEEDED"}),
        RunSnapshot("RUNNING", {f"{name}#0": "RUNNING", f"{name}#1": "SUCCEEDED"}),
        RunSnapshot(
            "FAILED",
            {f"{name}#0": "FAILED", f"{name}#1": "FAILED"},
            {
                f"{name}#0": f"diptych: {name} failed: slice 1 of 2 is broken",
                f"{name}#1": f"diptych: {name} failed: slice 2 of 2 is broken",
            },
        ),
    ]
    assert command("--wait") == FAILED
    output = capfd.readouterr()
    lines = [line.split(" ", 1)[1] for line in output.out.splitlines()[2:]]
    assert lines == [f"{name} RUNNING", f"{name} SUCCEEDED", f"{name} FAILED", f"{name} FAILED", "run FAILED"]
    assert [line.split(" (")[0] for line in output.err.splitlines()[1:]] == [
        f"  {name}: slice 1 of 2 is broken",
        f"  {name}: slice 2 of 2 is broken",
    ]


@pytest.mark.parametrize(
    ("message", "log"),
    [
        ("main: Error (exit code 1)", f"I1128 launcher\n{SENTENCE}\nexit status 1\n"),
        (f"main: Error (exit code 1): {SENTENCE}", ""),
    ],
)
def test_a_failed_step_speaks_for_itself(
    message: str,
    log: str,
    server: ApiServer,
    command: Submit,
    spec: dict[str, Any],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """KFP says "exit status 1" of the pod, which bears another name than the step; the reason is in the pod's log."""
    spec["root"]["inputDefinitions"]["parameters"]["publish_directory"] = {
        "parameterType": "STRING",
        "defaultValue": "minio://shop/runs",
    }
    tasks = {"Trainer": "FAILED", "executor": "FAILED", "Pusher": "SKIPPED"}
    server.snapshots = [RunSnapshot("FAILED", tasks, {"executor": message})]
    server.logs["run-1-executor"] = log
    assert command("--wait") == FAILED
    lines = capfd.readouterr().err.splitlines()
    assert lines[1:] == [
        "  Trainer: the loss is not finite (log of pod run-1-executor)",
        "  summary: minio://shop/runs/run-1/summary.json",
    ]


def test_the_report_is_named(
    server: ApiServer, command: Submit, spec: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    spec["root"]["dag"]["tasks"]["Report"] = spec["root"]["dag"]["tasks"]["Pusher"] | {"taskInfo": {"name": "Report"}}
    spec["root"]["inputDefinitions"]["parameters"]["publish_directory"] = {"parameterType": "STRING"}
    server.snapshots = [RunSnapshot("SUCCEEDED", {"Report": "SUCCEEDED"})]
    assert command("--wait", "--param", "publish_directory=minio://shop/here") == OK
    last = capfd.readouterr().out.splitlines()[-1]
    assert last.startswith("Report: minio://shop/here/run-1/report.html, and at ")
    assert f"{server.url}/#/runs/details/run-1" in last


@pytest.mark.parametrize("state", ["SKIPPED", "CANCELED"])
def test_waiting_ends_with_1_unless_the_run_succeeds(state: str, server: ApiServer, command: Submit) -> None:
    server.snapshots = [RunSnapshot(state, {})]
    assert command("--wait") == FAILED


def test_waiting_outlasts_a_gateway_that_restarts(
    server: ApiServer, command: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.snapshots = [RunSnapshot("RUNNING", {}), RunSnapshot("SUCCEEDED", {})]
    server.failures["get_run"] = (503, "<html>no upstream</html>")
    monkeypatch.setattr(Server, "connect", _after_first(Server.connect, server.failures.clear))
    assert command("--wait") == OK


def test_a_fresh_token_is_read_while_waiting(
    server: ApiServer, command: Submit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("old")
    server.token = "old"
    server.snapshots = [RunSnapshot("RUNNING", {}), RunSnapshot("SUCCEEDED", {})]

    def rotate(_: float) -> None:
        server.token = "new"
        (tmp_path / "token").write_text("new")

    monkeypatch.setattr("time.sleep", rotate)
    assert command("--wait", "--existing-token-file", "token") == OK


def test_waiting_gives_up_in_the_end(server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    server.failures["get_run"] = (503, "")
    assert command("--wait") == FAILED
    assert "The run goes on: " in capfd.readouterr().err


def _after_first(method: Callable[..., None], then: Callable[[], None]) -> Callable[..., None]:
    """The method, with something else before every call but the first."""
    calls: list[object] = []

    def wrapped(*args: Any) -> None:
        if calls:
            then()
        calls.append(args)
        method(*args)

    return wrapped
