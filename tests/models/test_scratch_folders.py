"""Folders for copies are deleted at their end, and at the next start if their process was killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from diptych.models.scratch_folders import PREFIX, scratch_folder

HOLD = """
import sys
from diptych.models.scratch_folders import scratch_folder
with scratch_folder() as folder:
    open(folder + "/copy", "w").close()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def hold() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def folder_of(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_folder_is_deleted_with_what_is_in_it(temporary: Path) -> None:
    with pytest.raises(KeyError), scratch_folder() as folder:
        (Path(folder) / "copy").touch()
        raise KeyError
    assert not list(temporary.iterdir())


@pytest.mark.promise("Copies that a killed command left in TMPDIR are deleted by the next; those of a running one stay")
def test_the_folder_of_a_killed_process_is_deleted_at_the_next_start(temporary: Path) -> None:
    with hold() as killed, hold() as running:
        abandoned, used = folder_of(killed), folder_of(running)
        other = temporary / "another's"
        other.mkdir()
        killed.kill()
        killed.wait()
        assert (abandoned / "copy").exists()
        with scratch_folder() as folder:
            assert set(temporary.iterdir()) == {used, other, Path(folder)}
            assert (used / "copy").exists()
        running.kill()


def test_what_is_no_folder_of_ours_stays(temporary: Path) -> None:
    (temporary / "kept").mkdir()
    (temporary / f"{PREFIX}link").symlink_to(temporary / "kept")
    (temporary / f"{PREFIX}file").touch()
    with scratch_folder():
        pass
    assert {path.name for path in temporary.iterdir()} == {"kept", f"{PREFIX}link", f"{PREFIX}file"}
