"""The options of ``diptych submit`` that are more than plain text."""

from __future__ import annotations

import pytest

from diptych.kubeflow.client.arguments import cron_expression
from diptych.models.errors import USAGE
from diptych.pipeline.cli.main import main


def usage(*options: str) -> int:
    """The exit code where the command line itself is wrong."""
    with pytest.raises(SystemExit) as stop:
        main(["submit", "diptych.yaml", *options])
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("0 3 * * *", "0 0 3 * * *"),
        ("*/15 0-6,12 1 JAN ?", "0 */15 0-6,12 1 JAN ?"),
        ("10 0 3 * * 1-5", "10 0 3 * * 1-5"),
        ("@daily", "@daily"),
        ("@every 1h30m", "@every 1h30m"),
        ("often", "often"),
    ],
)
def test_cron_gets_seconds(text: str, read: str) -> None:
    assert cron_expression(text) == read


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_schedule_is_a_usage_error(text: str, capfd: pytest.CaptureFixture[str]) -> None:
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
