"""What .ci/run makes of the ends of its commands, with small fake programs in their places."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT

SUMMARY = "===== 1 failed, 3 passed in 5.00s ====="
# What bootstrap.sh says on Debian 12 and on Debian 13.
OLDER = "diptych: TFX 1.16 on Python 3.10.13 (glibc 2.36 is older than the 2.39 that TFX 1.21 wheels need)"
NEWEST = "diptych: TFX 1.21 on Python 3.13.5 (the newest, which glibc 2.41 can carry)"
PROGRAMS = ("buildah", "git", "chromium", "debootstrap")


class Tree:
    """A folder with .ci/run and fakes of all that it calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".ci").mkdir()
        shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
        for name in PROGRAMS:
            self.program(f"bin/{name}", "exit 0")
        self.commands()

    def program(self, name: str, body: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def commands(self, said: str = OLDER, lint: int = 0, test: int = 0, test_next: int = 0) -> None:
        self.program("bootstrap.sh", f"echo '{said}'")
        self.program(
            "bin/make", f'case "$*" in *lint*) exit {lint} ;; *) echo "{SUMMARY}"; echo made; exit {test} ;; esac'
        )
        self.program("tools/test_next.sh", f'echo "other generation: $ARGS"; exit {test_next}')

    def limit(self, minutes: int) -> None:
        """Gives everything that many minutes."""
        path = self.folder / ".ci" / "run"
        text = path.read_text()
        assert "\nMINUTES=75\n" in text
        path.write_text(text.replace("\nMINUTES=75\n", f"\nMINUTES={minutes}\n"))

    def run(self) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        run = ["bash", ".ci/run"]
        return subprocess.run(
            run, cwd=self.folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_both_generations_are_tested(tree: Tree) -> None:
    done = tree.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert "made" in done.stdout
    (told,) = (line for line in done.stdout.splitlines() if line.startswith("other generation"))
    first = [f"tests/end_to_end/test_{name}.py" for name in ("pipeline", "training", "kubeflow")]
    assert told.split() == ["other", "generation:", "--maxfail=1", *first, "tests/end_to_end"]
    assert all((ROOT / path).is_file() for path in first)


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ({"lint": 2}, 2),
        ({"test": 2}, 2),
        ({"test_next": 1}, 1),
        ({"lint": 2, "test_next": 1}, 1),
        ({"test_next": 77}, 0),
        ({"test": 2, "test_next": 77}, 2),
    ],
)
def test_what_fails_decides_the_end(tree: Tree, ends: dict[str, int], code: int) -> None:
    tree.commands(**ends)
    done = tree.run()
    assert done.returncode == code
    assert "other generation" in done.stdout, "each part runs, whatever another says"


def test_the_tests_summary_is_the_last_word_on_a_failure(tree: Tree) -> None:
    tree.commands(test=2)
    assert tree.run().stdout.endswith(f"{SUMMARY}\n")


def test_the_newest_generation_is_not_tested_twice(tree: Tree) -> None:
    tree.commands(NEWEST, test_next=1)
    done = tree.run()
    assert done.returncode == 0
    assert "make test has run on TFX 1.21" in done.stdout
    assert "other generation" not in done.stdout


def test_time_that_is_up_is_no_failure_and_said(tree: Tree) -> None:
    tree.program("tools/test_next.sh", "echo begun; exec sleep 60")
    tree.limit(minutes=0)
    done = tree.run()
    assert done.returncode == 0
    assert "0 minutes are up: no end-to-end test failed on TFX 1.21, but not all of them ran" in done.stdout


def test_a_failure_before_time_is_up_is_one(tree: Tree) -> None:
    tree.commands(test=2)
    tree.program("tools/test_next.sh", "exec sleep 60")
    tree.limit(minutes=0)
    assert tree.run().returncode == 2
