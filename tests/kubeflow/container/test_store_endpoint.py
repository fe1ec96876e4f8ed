"""Which store a step reaches: the one of the settings, that of its inputs, or the one that answers."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.remote import S3_ENDPOINT_VARIABLES
from diptych.kubeflow.container import store_endpoint
from diptych.kubeflow.container.store import StoreError
from diptych.kubeflow.container.store_endpoint import (
    SERVICE_ACCOUNT_FOLDER,
    candidate_endpoints,
    connect_store,
    first_answering,
)
from diptych.kubeflow.container.task import ROOT_VARIABLE, Task
from diptych.kubeflow.environment import ENDPOINT_VARIABLE
from tests.conformance.recordings import Recording, recordings

RECORDED_ENDPOINTS = {
    "2.15.0": "http://minio-service.kubeflow:9000",
    "2.17.0": "http://seaweedfs.kubeflow:9000",
    "after-2.17.0": "http://seaweedfs.kubeflow:9000",
}
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a container with the store's keys; what a test changes in it is undone."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    for name in (ENDPOINT_VARIABLE, *S3_ENDPOINT_VARIABLES, "AWS_DEFAULT_REGION"):
        # First set, so that it is removed again if the test sets it.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name in KEYS:
        monkeypatch.setenv(name, "key")


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server that answers every request with a secret of Kubernetes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.asked = (self.path, self.headers["Authorization"])  # type: ignore[attr-defined]
            known = not self.path.endswith("/absent")
            secret = {"data": {key: base64.b64encode(key.upper().encode()).decode() for key in ("user", "password")}}
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(secret).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def connect(given: dict[str, Any], step: str = "Trainer") -> str | None:
    """The endpoint that AWS's libraries find after the step has connected."""
    text = json.dumps(given)
    connect_store(Task("mirrored", step, "run-7", text), text)
    return next((os.environ[name] for name in S3_ENDPOINT_VARIABLES if name in os.environ), None)


def with_session(**params: str | None) -> dict[str, Any]:
    """An ExecutorInput whose input is in a store with other parameters than the recorded ones."""
    given = Recording("after-2.17.0").step("SchemaGen")
    artifact = given["inputs"]["artifacts"]["statistics"]["artifacts"][0]
    session = json.loads(artifact["metadata"]["store_session_info"])
    session["Params"] = {key: value for key, value in (session["Params"] | params).items() if value is not None}
    artifact["metadata"]["store_session_info"] = json.dumps(session)
    return given


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_every_step_with_inputs_reaches_the_store_they_came_from(recording: Recording) -> None:
    with_inputs = [
        step for step in recording.executor_inputs["first run"] if "artifacts" in recording.step(step)["inputs"]
    ]
    assert len(with_inputs) == 10
    for step in with_inputs:
        assert connect(recording.step(step), step) == RECORDED_ENDPOINTS[recording.version]
    assert os.environ["AWS_DEFAULT_REGION"] == "minio"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "key"


@pytest.mark.parametrize(
    ("params", "endpoint"),
    [
        ({"disableSSL": "false"}, "https://seaweedfs.kubeflow:9000"),
        ({"endpoint": "https://store.example.com"}, "https://store.example.com"),
        ({"endpoint": "s3.amazonaws.com"}, None),
    ],
)
def test_a_store_is_reached_as_the_launcher_reaches_it(params: dict[str, str], endpoint: str | None) -> None:
    assert connect(with_session(**params)) == endpoint


def test_a_setting_overrides_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, "http://elsewhere:9000")
    assert connect(with_session()) == "http://elsewhere:9000"


@pytest.mark.parametrize("setting", ["aws", ""])
def test_a_setting_may_ask_for_awss_own(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, setting)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://of-the-image:9000")
    assert connect(with_session()) is None


@pytest.mark.parametrize(
    "info", ["", "no JSON", "[]", "3", '{"Params": [1]}', '{"Params": {"endpoint": 5}}', "[" * 9999]
)
def test_what_an_input_says_that_cannot_be_read_is_named(info: str) -> None:
    given = with_session()
    next(iter(given["inputs"]["artifacts"].values()))["artifacts"][0]["metadata"]["store_session_info"] = info
    with pytest.raises(StoreError, match="store_session_info of input '.*' is no JSON object whose Params are texts"):
        connect(given)


@pytest.mark.parametrize("recording", recordings(), ids=str)
@pytest.mark.parametrize("step", ["Sources", "ImageTextExampleGen", "Publish"])
def test_a_step_without_inputs_asks_which_store_answers(
    step: str,
    recording: Recording,
    server: ThreadingHTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(store_endpoint, "candidate_endpoints", lambda: ["http://127.0.0.1:9", address])
    assert connect(recording.step(step), step) == address
    assert capsys.readouterr().err == f"diptych: the store is {address} (it answers)\n"


def test_a_store_that_does_not_answer_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_endpoint, "candidate_endpoints", lambda: ["http://127.0.0.1:9"])
    with pytest.raises(StoreError, match=r"none of http://127.0.0.1:9 answers .*kubeflow\.store\.endpoint"):
        connect(Recording("2.17.0").step("Sources"))


def test_variables_of_the_image_are_kept_where_nothing_else_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://of-the-image:9000")
    assert connect(Recording("2.17.0").step("Sources")) == "http://of-the-image:9000"


def test_s3_without_a_word_of_the_store_is_awss_own() -> None:
    """As for KFP's launcher: ProvideSessionInfo in backend/src/v2/config/s3.go."""
    text = json.dumps(Recording("2.17.0").step("Sources")).replace("minio://", "s3://")
    assert connect(json.loads(text)) is None


def test_the_services_are_looked_for_in_the_pods_namespace_and_in_kubeflow(tmp_path: Path) -> None:
    of_kubeflow = ["http://seaweedfs.kubeflow:9000", "http://minio-service.kubeflow:9000"]
    assert candidate_endpoints() == of_kubeflow
    write_service_account(tmp_path)
    assert candidate_endpoints() == ["http://seaweedfs.team:9000", "http://minio-service.team:9000", *of_kubeflow]


def test_a_silent_address_does_not_hold_up_the_others(server: ThreadingHTTPServer) -> None:
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        addresses = [f"http://127.0.0.1:{port}" for port in (silent.getsockname()[1], server.server_port)]
        assert first_answering(["http://no-such-service.invalid:9000", *addresses], seconds=1.0) == addresses[1]
        assert first_answering(addresses[:1], seconds=0.3) is None
    assert time.monotonic() - started < 3


def write_service_account(root: Path) -> None:
    folder = root / SERVICE_ACCOUNT_FOLDER
    folder.mkdir(parents=True)
    for name, text in (("namespace", "team"), ("token", "secret-token"), ("ca.crt", "")):
        (folder / name).write_text(text)


@pytest.fixture
def kubernetes(tmp_path: Path, server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> ThreadingHTTPServer:
    """The server in the place of Kubernetes' API, asked without TLS; the container has no keys."""
    write_service_account(tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.server_port))
    monkeypatch.setattr(store_endpoint.ssl, "create_default_context", lambda cafile: None)
    monkeypatch.setattr(
        http.client, "HTTPSConnection", lambda *server, timeout, context: http.client.HTTPConnection(*server)
    )
    for name in KEYS:
        monkeypatch.delenv(name)
    return server


def test_keys_that_the_container_lacks_are_read_from_the_stores_secret(kubernetes: ThreadingHTTPServer) -> None:
    connect(with_session(secretName="ours", accessKeyKey="user", secretKeyKey="password"))
    assert [os.environ[name] for name in KEYS] == ["USER", "PASSWORD"]
    assert kubernetes.asked == (  # type: ignore[attr-defined]
        "/api/v1/namespaces/team/secrets/ours",
        "Bearer secret-token",
    )


@pytest.mark.parametrize("params", [{"secretName": "absent"}, {"accessKeyKey": "other"}])
def test_a_secret_that_cannot_be_read_is_told_and_fails_no_step(
    params: dict[str, str], kubernetes: ThreadingHTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pod's own identity may do."""
    connect(with_session(secretKeyKey="password", **params))
    assert "the store's keys cannot be read from the secret" in capsys.readouterr().err
    assert "AWS_ACCESS_KEY_ID" not in os.environ


def test_keys_from_the_environment_need_no_secret(kubernetes: ThreadingHTTPServer) -> None:
    connect(with_session(secretName=None, fromEnv="true"))
    assert not hasattr(kubernetes, "asked")
