"""``diptych verify`` names each file of a run that is damaged, and needs no TensorFlow for it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.models.errors import FAILED, OK, USAGE
from diptych.models.manifests import write_manifest
from diptych.pipeline.cli.main import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished run: two artifacts, one of which is pushed, beside an older one without a manifest."""
    folder = tmp_path / "run"
    artifacts = {}
    for component, output in (("Transform", "transform_graph"), ("Pusher", "pushed_model")):
        artifact = folder / "artifacts" / component / output / "12"
        (artifact / "assets").mkdir(parents=True)
        (artifact / "saved_model.pb").write_bytes(b"graph")
        (artifact / "assets" / "vocabulary").write_bytes(b"words\n")
        write_manifest(str(artifact))
        artifacts[component] = {output: str(artifact)}
    (folder / "artifacts" / "Transform" / "transform_graph" / "5").mkdir()
    pushed = shutil.copytree(artifact, folder / "pushed" / "1700000000")
    (folder / "summary.json").write_text(json.dumps({"artifacts": artifacts, "pushed": str(pushed)}))
    with sqlite3.connect(folder / "metadata.sqlite") as connection:
        connection.execute("CREATE TABLE x (y)")
    return folder


def verify(run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main(["verify", str(run)])
    shown = capsys.readouterr()
    return code, (shown.out + shown.err).splitlines()


def test_a_whole_run_is_whole(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = verify(run, capsys)
    assert (code, lines) == (OK, ["6 files of 3 artifacts, 0.0 MB, and the metadata: all are as they were written"])


def test_each_damaged_file_has_a_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vocabulary = run / "artifacts" / "Transform" / "transform_graph" / "12" / "assets" / "vocabulary"
    vocabulary.write_bytes(b"")
    model = run / "pushed" / "1700000000" / "saved_model.pb"
    model.write_bytes(b"grAph")
    (run / "metadata.sqlite").unlink()
    assert verify(run, capsys) == (
        FAILED,
        [
            f"'{vocabulary}' is empty: 6 bytes are lost",
            f"'{model}' does not hold what its step wrote",
            f"'{run}/metadata.sqlite' is missing",
            "6 files of 3 artifacts, 0.0 MB, and the metadata: 3 faults found",
        ],
    )


def test_a_result_without_a_manifest_is_not_said_to_be_whole(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = run / "artifacts" / "Transform" / "transform_graph" / "12"
    Path(f"{artifact}.manifest.json").unlink()
    code, lines = verify(run, capsys)
    assert code == FAILED
    assert lines[0] == f"'{artifact}' cannot be checked: it has no whole manifest"


def test_a_copy_is_judged_by_its_own_files(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path(shutil.copytree(run, run.parent / "copy"))
    (copy / "artifacts" / "Pusher" / "pushed_model" / "12" / "saved_model.pb").unlink()
    assert verify(copy, capsys)[0] == FAILED
    assert verify(run, capsys)[0] == OK


@pytest.mark.parametrize("summary", [None, {"status": "failed", "artifacts": {}}], ids=["killed", "failed"])
def test_of_a_run_that_left_no_results_the_finished_steps_are_checked(
    run: Path, summary: dict[str, object] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "summary.json").unlink()
    if summary is not None:
        (run / "summary.json").write_text(json.dumps(summary))
    (run / "artifacts" / "Trainer" / "model" / "13").mkdir(parents=True)
    assert verify(run, capsys)[0] == OK
    (run / "artifacts" / "Transform" / "transform_graph" / "12" / "saved_model.pb").unlink()
    code, lines = verify(run, capsys)
    assert code == FAILED
    assert lines[0].endswith("saved_model.pb' is missing")


def test_a_damaged_summary_is_a_fault(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "summary.json").write_text("{")
    code, lines = verify(run, capsys)
    assert code == FAILED
    assert lines[0] == f"'{run}/summary.json' does not hold a summary"


def test_where_there_are_no_manifests_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = verify(tmp_path / "nowhere", capsys)
    assert code == USAGE
    assert "has no manifests to verify" in lines[0]


def test_neither_tensorflow_nor_ml_metadata_is_imported(run: Path) -> None:
    code = (
        "import sys\n"
        "from diptych.pipeline.cli.main import main\n"
        f"assert main(['verify', {str(run)!r}]) == 0\n"
        "print(sorted({'tensorflow', 'tfx', 'ml_metadata', 'apache_beam', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
