"""A fingerprint changes with the names and the contents of an artifact's files."""

from __future__ import annotations

from pathlib import Path

from diptych.components.report.lineage import fingerprint, modification_time


def test_a_fingerprint_follows_names_and_bytes(tmp_path: Path) -> None:
    prints = set()
    for name, content in (("x", b"1"), ("x", b"2"), ("y", b"2")):
        folder = tmp_path / name / content.decode()
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
        prints.add(fingerprint(str(folder)))
        assert fingerprint(str(folder)) in prints
    assert len(prints) == 3
    assert modification_time(str(tmp_path)).endswith("Z")


def test_what_is_not_there_has_neither_fingerprint_nor_time(tmp_path: Path) -> None:
    assert fingerprint(str(tmp_path / "absent")) == modification_time(str(tmp_path / "absent")) == ""
