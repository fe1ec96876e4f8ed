"""A function in a process of its own returns JSON, sees little, and is ended at its limits."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from diptych.pipeline.convert import isolation
from diptych.pipeline.convert.errors import ConversionError
from diptych.pipeline.convert.isolation import Limits, call_isolated, limits_for

LIMITS = Limits(memory=1 << 30, seconds=2)


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "limits_for", lambda _: LIMITS)


def call(function: str, *arguments: Any) -> Any:
    return call_isolated(f"tests.pipeline.convert.isolated_functions.{function}", arguments, "data.pkl")


def test_arguments_and_result_cross_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    process = call("describe_process", 1, {"a": ["\ud800", None]})
    assert process["arguments"] == [1, {"a": ["\ud800", None]}]
    assert "MY_TOKEN" not in process["variables"]
    assert "tensorflow" not in process["modules"]
    assert (process["core"], process["memory"]) == (0, LIMITS.memory)


def test_modules_of_the_current_folder_are_not_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "resource.py").write_text("raise SystemExit('a module of the folder was imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *sys.path])
    assert call("describe_process")["arguments"] == []


def test_an_error_that_a_person_can_mend_keeps_its_message() -> None:
    with pytest.raises(ConversionError, match="^'a.pkl' is not readable$"):
        call("refuse")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("use_memory", "'data.pkl' was not read within 1,074 MB of memory"),
        ("use_processor", "'data.pkl' was not read within 2 s of processor time"),
        ("crash", r"'data.pkl' ended the process that read it \(.*SIGABRT\)"),
    ],
)
def test_a_limit_or_crash_is_a_sentence(function: str, message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        call(function)


def test_a_file_that_grows_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        call("write_file", str(tmp_path / "large"))


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_ELAPSED_FACTOR", 1)
    with pytest.raises(ConversionError, match="was not read within 2 s"):
        call("wait")


def test_limits_grow_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "data.pkl"
    assert limits_for(str(file)).seconds == 30
    file.write_bytes(b"")
    os.truncate(file, 10**7)
    assert limits_for(str(file)).seconds == 230
    assert limits_for(str(file)).memory <= (2 << 30) + 64 * 10**7
