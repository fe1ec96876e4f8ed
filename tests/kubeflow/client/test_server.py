"""Signing in to a KFP API server, and what is said when that or a request fails."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.client import server as server_module
from diptych.models.errors import FAILED, OK, USAGE
from diptych.pipeline.cli.main import main
from tests.kubeflow.client.api_server import ApiServer
from tests.kubeflow.client.conftest import Submit

SECRET = "eyJ-very-secret"


def test_several_users_need_a_namespace(server: ApiServer, command: Submit, capfd: pytest.CaptureFixture[str]) -> None:
    server.multi_user = True
    assert command() == FAILED
    assert "--namespace" in capfd.readouterr().err


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


def test_a_pods_token_and_namespace_are_used(server: ApiServer, command: Submit, tmp_path: Path) -> None:
    (tmp_path / "pod").mkdir()
    (tmp_path / "pod/token").write_text(SECRET)
    (tmp_path / "pod/namespace").write_text("team")
    server.token, server.multi_user = SECRET, True
    assert command() == OK
    assert server.experiments["experiment-1"].namespace == "team"


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


@pytest.mark.parametrize(
    ("request_name", "status", "said"),
    [
        ("create_experiment", 403, "does not allow the experiment (403)"),
        ("list_pipelines", 403, "does not allow reading the pipeline (403)"),
        ("get_healthz", 503, "has trouble with reading its health (503): try again later"),
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
