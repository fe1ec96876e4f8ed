"""``make test-engine``: what cannot be had is named, and the exit code tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import test_engine
from tools.test_engine import LEFT_OUT, main


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, str | None]]:
    """The engines that tests were run on; java is there, and the tests pass."""
    runs: list[dict[str, str | None]] = []
    monkeypatch.setattr(test_engine, "run_tests", lambda engines: runs.append(engines) or 0)
    monkeypatch.setattr(test_engine, "_CACHE", tmp_path / "cache")
    monkeypatch.setattr(test_engine.shutil, "which", lambda name: f"/usr/bin/{name}")
    return runs


def test_with_both_jars_nothing_is_left_out(ran: list[dict[str, str | None]], tmp_path: Path) -> None:
    jars = {engine: tmp_path / f"{engine}.jar" for engine in ("flink", "spark")}
    for jar in jars.values():
        jar.touch()
    assert main(["--flink", str(jars["flink"]), "--spark", str(jars["spark"])]) == 0
    assert ran == [{"python": None, "flink": str(jars["flink"]), "spark": str(jars["spark"])}]


def test_a_repository_is_asked_and_what_it_lacks_is_named(
    ran: list[dict[str, str | None]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, version = test_engine.ARTIFACTS["flink"], test_engine.beam_version
    place = tmp_path / f"maven/org/apache/beam/{artifact}/{version}/{artifact}-{version}.jar"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"jar")
    assert main(["--maven", (tmp_path / "maven").as_uri()]) == LEFT_OUT
    (engines,) = ran
    assert set(engines) == {"python", "flink"}
    assert Path(str(engines["flink"])).read_bytes() == b"jar"
    found = capsys.readouterr().err
    assert f"Not run on spark. Missing is the artifact org.apache.beam:{test_engine.ARTIFACTS['spark']}:" in found
    assert "make test-engine SPARK_JAR=PATH" in found


def test_a_path_without_a_file_is_named(ran: list[dict[str, str | None]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--flink", "/nowhere/f.jar", "--spark", "/nowhere/s.jar"]) == LEFT_OUT
    assert ran == [{"python": None}]
    assert "Missing is the file '/nowhere/f.jar' (FLINK_JAR)" in capsys.readouterr().err


def test_without_java_nothing_is_fetched(
    ran: list[dict[str, str | None]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(test_engine.shutil, "which", lambda name: None)
    assert main([]) == LEFT_OUT
    assert ran == [{"python": None}]
    assert "Missing is java" in capsys.readouterr().err


def test_failing_tests_are_told_first(ran: list[dict[str, str | None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_engine, "run_tests", lambda engines: 1)
    assert main(["--flink", "/nowhere/f.jar"]) == 1
