"""A file is written as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.models.atomic_files import atomic_path, write_text


def test_a_text_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    write_text(str(path), "old")
    write_text(str(path), "näw")
    assert path.read_text(encoding="utf-8") == "näw"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("text.txt")
    write_text(str(tmp_path / "link"), "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "text.txt").read_text() == "text"


def test_after_an_error_the_old_file_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("old")
    with pytest.raises(ValueError, match="boom"), atomic_path(str(path)) as temporary:
        Path(temporary).write_text("half")
        raise ValueError("boom")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["nowhere/text.txt", "folder", "file/text.txt", "n" * 300])
def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="") as caught:
        write_text(str(tmp_path / name), "text")
    assert caught.value.filename == str(tmp_path / name)
    assert ".part" not in str(caught.value)
