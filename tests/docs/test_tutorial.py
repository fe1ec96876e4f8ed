"""The tutorial is done as it is written, and the pages that go on with its run: every command and every block."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import Code, page_blocks
from tests.docs.shell import command_lines

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

# What is done before, and what goes on until it is interrupted.
NOT_RUN = (["make", "ready"], ["source", ".venv/bin/activate"])


def run(folder: Path, words: list[str], expected: int) -> str:
    command = {"diptych": [sys.executable, "-m", "diptych"], "python": [sys.executable]}[words[0]]
    # No cluster's, no user's settings.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KF_PIPELINES")}
    done = subprocess.run(
        [*command, *words[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == expected, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def run_block(folder: Path, block: Code) -> str:
    """Runs the commands of a block; ``# exit code 2`` behind one says how it ends. Returns what they print."""
    printed = ""
    comments = [line.partition("# exit code ")[2] for line in block.text.splitlines() if line]
    for words, code in zip(command_lines(block), comments, strict=True):
        if words not in NOT_RUN and "--serve" not in words:
            printed += run(folder, words, int(code or 0))
    return printed


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tutorial was done; ``printed.txt`` has what its commands printed."""
    folder = tmp_path_factory.mktemp("tutorial")
    printed = ""
    for block in page_blocks("tutorial.md", "python", "sh"):
        if block.language == "python":
            (folder / "make_shapes.py").write_text(block.text)
        else:
            printed += run_block(folder, block)
    (folder / "printed.txt").write_text(printed)
    return folder


def test_the_tutorial_prints_what_it_says(project: Path) -> None:
    """Of the blocks that show what is printed, each line that does not depend on machine, time or TensorFlow."""
    printed = (project / "printed.txt").read_text().replace(f"{project}/", "")
    shown = [line for block in page_blocks("tutorial.md", "text") for line in block.text.splitlines()]
    chance = ("done in", "epoch", "Network", "accuracy", "...")
    assert [line for line in shown if line not in printed and not any(word in line for word in chance)] == []


def test_the_catalogue_begins_as_shown(project: Path) -> None:
    (shown,) = page_blocks("tutorial.md", "csv")
    assert (project / "shapes" / "catalogue.csv").read_text().startswith(shown.text)


def test_the_settings_are_those_shown(project: Path) -> None:
    import yaml

    (shown,) = page_blocks("tutorial.md", "yaml")
    assert yaml.safe_load((project / "diptych.yaml").read_text()) == yaml.safe_load(shown.text)


def test_the_library_reads_the_run(project: Path) -> None:
    for block in page_blocks("library.md", "sh"):
        run_block(project, block)
    code = "\n".join(block.text for block in page_blocks("library.md", "python"))
    checks = """
assert inputs["image"].shape == (32, 32, 32, 3), inputs["image"].shape
assert label.shape[0] == 32 and pixels.dtype == "float32" and pixels.shape == (32, 32, 32, 3)
assert sum(len(label) for _, label in val) == 29
assert sum(len(label) for _, label in test) == 27
assert counts.shape[1] == described["terms"]
"""
    run(project, ["python", "-c", code + checks], 0)


def test_tensorflow_alone_asks_the_pushed_model(project: Path) -> None:
    (block,) = page_blocks("serving.md", "python")
    assert "square" in run(project, ["python", "-c", block.text], 0)
