"""A metadata file that is lost, damaged, locked or cannot be written is told apart from one that is whole."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.pipeline.runs import metadata_file
from diptych.pipeline.runs.metadata_file import MetadataError, check_writable, find_metadata_problem, set_aside


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(metadata_file, "_LOCK_SECONDS", 0.1)
    with sqlite3.connect(tmp_path / "metadata.sqlite") as connection:
        connection.execute("CREATE TABLE Execution (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO Execution (name) VALUES (?)", [("x" * 100,)] * 1000)
    return str(tmp_path / "metadata.sqlite")


def test_a_whole_file_is_left_as_it_is(path: str) -> None:
    before = Path(path).read_bytes()
    assert find_metadata_problem(path) is None
    check_writable(path)
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"no database, but a longer text" * 100), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "is damaged"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:4096] + bytes(8192) + path.read_bytes()[12288:]),
            "is damaged",
        ),
    ],
    ids=["deleted", "emptied", "another file", "truncated", "zeros"],
)
def test_a_damaged_file_is_told(path: str, damage: Callable[[Path], None], problem: str) -> None:
    damage(Path(path))
    assert str(find_metadata_problem(path)).startswith(problem)


def test_who_keeps_a_lock_is_waited_for_in_vain_for_a_while_only(path: str) -> None:
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(MetadataError, match=r"metadata\.sqlite': database is locked; end the program"):
            find_metadata_problem(path)
        with pytest.raises(MetadataError, match="locked"):
            check_writable(path)
        other.execute("ROLLBACK")
        # A reader, too, would keep a run from writing.
        other.execute("BEGIN")
        other.execute("SELECT * FROM Execution").fetchone()
        assert find_metadata_problem(path) is None
        with pytest.raises(MetadataError, match="locked"):
            check_writable(path)
    other.close()


@pytest.mark.parametrize("of", ["file", "folder"])
def test_what_may_not_be_written_is_named(path: str, of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = path if of == "file" else os.path.dirname(path)
    # Root may write everything.
    monkeypatch.setattr(os, "access", lambda asked, mode: asked != refused)
    with pytest.raises(PermissionError) as raised:
        check_writable(path)
    assert raised.value.filename == refused


def test_nothing_is_written_over_what_was_set_aside_before(path: str) -> None:
    content = Path(path).read_bytes()
    assert set_aside(path) == f"{path}.damaged-1"
    Path(path).write_bytes(b"again")
    assert set_aside(path) == f"{path}.damaged-2"
    assert Path(f"{path}.damaged-1").read_bytes() == content
    assert not os.path.exists(path)
