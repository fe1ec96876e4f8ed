"""Files are read only below their root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.example_gen.storage import OutsideRootError, is_remote, open_file, resolve_below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with images/a.png, beside a secret."""
    images = tmp_path / "root" / "images"
    images.mkdir(parents=True)
    (images / "a.png").write_bytes(b"a")
    (tmp_path / "secret").write_bytes(b"s")
    return images.parent


@pytest.mark.parametrize("path", ["images/a.png", "./images/a.png", "images/../images//a.png"])
def test_paths_below_the_root_are_found(root: Path, path: str) -> None:
    with open_file(resolve_below(str(root), path)) as file:
        assert file.read() == b"a"


@pytest.mark.parametrize("path", ["..", "../secret", "images/../../secret", "/etc/passwd", "gs://b/a.png", "file:///x"])
def test_paths_out_of_the_root_are_refused(root: Path, path: str) -> None:
    with pytest.raises(OutsideRootError):
        resolve_below(str(root), path)


def test_a_neighbour_with_a_longer_name_is_outside(root: Path) -> None:
    root.with_name("root2").mkdir()
    with pytest.raises(OutsideRootError):
        resolve_below(str(root), "../root2/a.png")


def test_links_may_point_inside_only(root: Path) -> None:
    (root / "inside.png").symlink_to(root / "images" / "a.png")
    (root / "outside.png").symlink_to(root.parent / "secret")
    (root / "folder").symlink_to(root.parent)
    assert resolve_below(str(root), "inside.png") == str((root / "images" / "a.png").resolve())
    for path in ("outside.png", "folder/secret"):
        with pytest.raises(OutsideRootError):
            resolve_below(str(root), path)


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    link = root.with_name("link")
    link.symlink_to(root)
    with open_file(resolve_below(str(link), "images/a.png")) as file:
        assert file.read() == b"a"


def test_remote_roots_join_and_hold(root: Path) -> None:
    assert resolve_below("gs://bucket/data", "images/./a.png") == "gs://bucket/data/images/a.png"
    for path in ("../other/a.png", "a/../../b.png", "/a.png", "gs://other/a.png"):
        with pytest.raises(OutsideRootError):
            resolve_below("gs://bucket/data", path)


def test_what_a_scheme_is() -> None:
    assert is_remote("gs://bucket/a.png")
    assert not is_remote("folder/a.png")


def test_a_pipe_is_no_file(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        open_file(str(root / "pipe"))


def test_remote_files_are_read_like_local_ones() -> None:
    import tensorflow as tf

    from components.example_gen.catalogue import read_catalogue
    from components.example_gen.options import DataOptions

    with tf.io.gfile.GFile("ram://storage/rows.csv", "w") as file:
        file.write("image,description,label\na.png,t,c\n")
    (row,) = read_catalogue(DataOptions(catalogue="ram://storage/rows.csv"))
    assert row.image == "a.png"
    with pytest.raises(FileNotFoundError):
        open_file("ram://storage/absent.csv")
