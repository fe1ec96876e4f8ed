"""What lies in a run's folder is found by its names, and never by a pattern."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.pipeline.runs.run_folder import EXAMPLES, STATISTICS, RunFolder, newest_version


@pytest.fixture(params=["run", "[a] *?", "{x}"])
def run(tmp_path: Path, request: pytest.FixtureRequest) -> RunFolder:
    """A folder with two artifacts of each of two components, and with things that are none."""
    root = tmp_path / request.param
    for name in (
        "ImageTextExampleGen/examples/9",
        "ImageTextExampleGen/examples/10",
        "ImageTextExampleGen/examples/.temp/11",
        "ImageTextExampleGen/.system/12",
        "StatisticsGen/statistics/2",
        "StatisticsGen/statistics/stopped",
    ):
        (root / "artifacts" / name).mkdir(parents=True)
    (root / "artifacts" / "ImageTextExampleGen" / "examples" / "13").write_text("a file")
    return RunFolder(str(root))


def test_without_a_summary_the_newest_artifacts_are_left(run: RunFolder) -> None:
    assert run.read_summary() is None
    assert run.recorded_artifacts() == {}
    assert run.remaining_artifacts(None) == {
        EXAMPLES: run.artifact_folder(EXAMPLES, 10),
        STATISTICS: run.artifact_folder(STATISTICS, 2),
    }


def test_with_a_summary_only_those_that_it_names_count(run: RunFolder) -> None:
    older = run.artifact_folder(EXAMPLES, 9)
    artifacts = {"ImageTextExampleGen": {"examples": older}, "Trainer": {"model": "/gone"}, "Pusher": None}
    Path(run.summary_file).write_text(json.dumps({"artifacts": artifacts}))
    assert run.recorded_artifacts() == {EXAMPLES: older, ("Trainer", "model"): "/gone"}
    assert run.remaining_artifacts(run.read_summary()) == {EXAMPLES: older}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"artifacts": 1}'])
def test_a_damaged_summary_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "summary.json").write_text(content)
    assert RunFolder(str(tmp_path)).read_summary() is None
    assert RunFolder(str(tmp_path)).remaining_artifacts(None) == {}


def test_there_is_no_newest_version_where_there_is_no_folder(tmp_path: Path) -> None:
    assert newest_version(str(tmp_path / "nowhere")) is None
    assert newest_version(str(tmp_path)) is None
