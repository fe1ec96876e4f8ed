"""A file is written as a whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from diptych.models.atomic_files import atomic_path, sync, sync_folder, write_text


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


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are brought to the disk, in their order."""
    paths: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: paths.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    return paths


def test_a_text_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", lambda source, target: synced.append(f"{source} to {target}"))
    write_text(str(tmp_path / "text.txt"), "text")
    content, name = synced
    assert name == f"{content} to {tmp_path / 'text.txt'}"


def test_a_folder_is_synced_after_all_that_lies_in_it(tmp_path: Path, synced: list[str]) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("deep/file", "file"):
        (tmp_path / name).touch()
    sync_folder(str(tmp_path))
    assert sorted(synced) == sorted([str(tmp_path), *(str(tmp_path / name) for name in ("deep/file", "deep", "file"))])
    assert synced.index(str(tmp_path / "deep/file")) < synced.index(str(tmp_path / "deep"))
    assert synced[-1] == str(tmp_path)


def test_a_file_system_that_syncs_no_folders_is_no_error_and_a_broken_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(code: int) -> None:
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(code, os.strerror(code))))

    failing(errno.EINVAL)
    sync(str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Invalid argument"):
        sync(str(tmp_path / "file"))
    failing(errno.EIO)
    with pytest.raises(OSError, match=str(tmp_path)):
        sync(str(tmp_path))
