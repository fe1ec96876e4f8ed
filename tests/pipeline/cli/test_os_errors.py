"""What the operating system says about a person's paths becomes one sentence, in every command."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from diptych.models.errors import FAILED, USAGE
from diptych.pipeline.cli.main import main

TOO_LONG = "n" * 300


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a catalogue, its settings, a ``file`` and a ``folder``."""
    lines = ["image,description,label"]
    for number in range(20):
        Image.new("RGB", (8, 8), (number, 0, 9 * number)).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,text {number},{'even' if number % 2 else 'odd'}")
    (tmp_path / "catalogue.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "settings.yaml").write_text("data: {catalogue: catalogue.csv}\nimage: {height: 8, width: 8}\n")
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["demo", "--output", "file"], "file"),
        (["demo", "--output", "file/below"], "file/below"),
        (["demo", "--output", TOO_LONG], TOO_LONG),
        (["init", "catalogue.csv", "--output", "nowhere/x.yaml"], "nowhere/x.yaml"),
        (["init", "catalogue.csv", "--output", "file/x.yaml"], "file/x.yaml"),
        (["init", "catalogue.csv", "--output", "folder", "--force"], "folder"),
        (["init", TOO_LONG], TOO_LONG),
        (["convert", "catalogue.csv", "nowhere/rows.parquet"], "nowhere/rows.parquet"),
        (["convert", "catalogue.csv", "file/rows.parquet"], "file/rows.parquet"),
        (["convert", "folder", "rows.parquet"], "folder"),
        (["check", "folder"], "folder"),
        (["check", "nowhere.yaml"], "nowhere.yaml"),
        (["config", "folder"], "folder"),
        (["run", "folder"], "folder"),
        (["run", "settings.yaml", "--output", "file"], "file"),
        (["run", "settings.yaml", "--output", "file/run"], "file"),
        (["run", "settings.yaml", "--output", TOO_LONG], TOO_LONG),
        (["schema", "settings.yaml", "--run", "file"], "file"),
        (["schema", "settings.yaml", "--run", "file/run"], "file"),
        (["report", "file"], "file"),
        (["digest", "file"], "file"),
        (["export", "file", "--to", "parquet", "--output", "out"], "file"),
        (["export-encoders", "file"], "file"),
        (["predict", "file", "0.png", "--text", "x"], "file"),
        (["export-model", "file", "--to", "tflite", "--output", "out"], "file"),
        (["compile", "settings.yaml", "--output", "file/x.yaml"], "file"),
        (["compile", "settings.yaml", "--output", "folder.yaml"], "folder.yaml"),
        (["simulate", "folder", "--root", "root"], "folder"),
        (["submit", "settings.yaml", "--host", "http://127.0.0.1:9", "--existing-token-file", "folder"], "folder"),
    ],
)
def test_each_command_ends_with_a_sentence_that_names_the_path(
    folder: Path, capfd: pytest.CaptureFixture[str], arguments: Sequence[str], path: str
) -> None:
    (folder / "folder.yaml").mkdir()
    assert main(arguments) in (FAILED, USAGE)
    message = capfd.readouterr().err
    assert message.count("diptych: ") == 1
    assert message.startswith("diptych: ")
    assert path in message
    assert "Traceback" not in message


def test_a_write_that_fails_half_way_is_told_too(folder: Path) -> None:
    """A limit on the size of files does what a full disk does: opening works, writing does not."""
    done = subprocess.run(
        [sys.executable, "-m", "diptych", "demo", "--output", "demo"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == FAILED
    assert done.stderr.startswith("diptych: 'demo/data/images/digit-0000.png': file too large; raise the limit")
    assert [path.name for path in (folder / "demo").rglob("*") if path.is_file()] == [".lock"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["config", "--schema"], ["init", "catalogue.csv"]])
def test_output_that_cannot_be_printed_is_told(folder: Path, arguments: Sequence[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "diptych", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == FAILED
    assert done.stderr.startswith("diptych: ")
    assert "no space left on device; free some disk space" in done.stderr
    assert done.stderr.count("\n") == 1
