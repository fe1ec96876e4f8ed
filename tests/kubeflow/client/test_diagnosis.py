"""``diptych doctor --host``: what a server says of itself, and what will fail there before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.models.errors import FAILED, OK, USAGE
from diptych.pipeline.cli import doctor
from diptych.pipeline.cli.main import main
from tests.kubeflow.client.api_server import ApiServer
from tests.kubeflow.client.conftest import CONFIG

Diagnose = Callable[..., int]


@pytest.fixture(autouse=True)
def _only_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what doctor says of this machine."""
    monkeypatch.setattr(doctor, "find_problems", list)
    monkeypatch.setattr(doctor, "installed_versions", dict)


@pytest.fixture
def diagnose(server: ApiServer, config: str) -> Diagnose:
    return lambda *options: main(["doctor", config, "--host", server.url, *options])


def test_a_server_without_faults_is_described(
    server: ApiServer, diagnose: Diagnose, capfd: pytest.CaptureFixture[str]
) -> None:
    server.health = {"tag_name": "2.17.0"}
    assert diagnose() == OK
    output = capfd.readouterr()
    assert output.out.splitlines() == [
        "kubeflow pipelines           2.17.0",
        "users                        one",
        "Nothing is missing.",
    ]
    assert output.err == ""
    assert not server.pipelines


def test_an_old_server_is_a_problem(server: ApiServer, diagnose: Diagnose, capfd: pytest.CaptureFixture[str]) -> None:
    server.health = {"tag_name": "2.14.4"}
    assert diagnose() == FAILED
    assert "To do: upgrade Kubeflow Pipelines to 2.15 or newer." in capfd.readouterr().out


def test_a_server_that_does_not_answer_is_a_problem(config: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--host", "http://127.0.0.1:1"]) == FAILED
    assert "cannot be reached" in capfd.readouterr().out


def test_a_missing_right_is_a_problem(server: ApiServer, diagnose: Diagnose, capfd: pytest.CaptureFixture[str]) -> None:
    server.failures["list_runs"] = (403, {"message": "User 'x' is not authorized", "code": 7})
    assert diagnose() == FAILED
    assert "does not allow reading the run (403)" in capfd.readouterr().out


def test_several_users_need_a_namespace(
    server: ApiServer, diagnose: Diagnose, capfd: pytest.CaptureFixture[str]
) -> None:
    server.multi_user = True
    assert diagnose() == FAILED
    assert "name your namespace with --namespace" in capfd.readouterr().out


def test_places_that_a_namespaces_keys_do_not_reach_are_named(
    server: ApiServer, diagnose: Diagnose, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.multi_user, server.health = True, {"tag_name": "2.17.0"}
    assert diagnose("--namespace", "team") == FAILED
    problems = capfd.readouterr().out
    for key in ("pipeline_root", "catalogue", "push_directory", "publish_directory"):
        assert f"Problem: kubeflow.{key} (minio://shop/" in problems
    assert "below minio://mlpipeline/private-artifacts/team/" in problems
    own = CONFIG.replace("minio://shop", "minio://mlpipeline/private-artifacts/team")
    (tmp_path / "diptych.yaml").write_text(own)
    assert diagnose("--namespace", "team") == OK
    assert diagnose("--namespace", "others") == FAILED


@pytest.mark.parametrize(
    ("release", "store"),
    [("2.15.0", ""), ("2.17.0", "  store: {secret: ours}\n"), ("2.17.0", "  store: {secret: null}\n")],
)
def test_keys_of_another_kind_are_not_judged(
    release: str, store: str, server: ApiServer, diagnose: Diagnose, tmp_path: Path
) -> None:
    """Of MinIO, up to 2.15, every namespace has the same keys; what others reach is not known here."""
    server.multi_user, server.health = True, {"tag_name": release}
    (tmp_path / "diptych.yaml").write_text(CONFIG + store)
    assert diagnose("--namespace", "team") == OK


def test_settings_that_do_not_compile_are_a_problem(
    diagnose: Diagnose, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "diptych.yaml").write_text(CONFIG.replace("minio://shop/catalogue", "ftp://shop/catalogue"))
    assert diagnose() == FAILED
    assert "steps know no such store" in capfd.readouterr().out


def test_settings_without_a_host_are_a_usage_error(config: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", config]) == USAGE
    assert "--host is missing" in capfd.readouterr().err
