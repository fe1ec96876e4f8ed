"""Files are read only below their root, and are written whole or not at all."""

from __future__ import annotations

import os
import posixpath
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.options import FetchOptions
from diptych.components.catalogue.storage import (
    OutsideRootError,
    TooLargeError,
    folder_of,
    is_file,
    is_folder,
    is_remote,
    join,
    list_files,
    open_file,
    read_file,
    read_range,
    remove,
    resolve_below,
    walk_files,
    write_stream,
)
from tests.paths import ROOT

FETCH = FetchOptions()


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


def test_stores_roots_join_and_hold() -> None:
    assert resolve_below("gs://bucket/data", "images/./a.png") == "gs://bucket/data/images/a.png"
    assert resolve_below("s3://bucket", "100%2e#?\\a.png") == "s3://bucket/100%2e#?\\a.png"
    for path in ("../other/a.png", "a/../../b.png", "..", "/a.png", "gs://other/a.png"):
        with pytest.raises(OutsideRootError):
            resolve_below("gs://bucket/data", path)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("images/./a.png", "images/a.png"),
        ("x/../a.png", "a.png"),
        ("a b#1.png", "a%20b%231.png"),
        ("a%20b.png", "a%20b.png"),
        ("100%.png", "100%25.png"),
        ("5%2x%41.png", "5%252x%41.png"),
        ("ü.png", "%C3%BC.png"),
        ("..a/b...png", "..a/b...png"),
        ("image?id=3&size=a/../b", "image?id=3&size=a/../b"),
        ("image?a=1#part", "image?a=1%23part"),
        ("a@host/b:80.png", "a%40host/b%3A80.png"),
    ],
)
def test_web_paths_are_sent_below_the_root(path: str, sent: str) -> None:
    assert resolve_below("https://host/data", path) == f"https://host/data/{sent}"
    assert resolve_below("https://host/data/", path) == f"https://host/data/{sent}"


@pytest.mark.parametrize(
    "path",
    [
        "../a.png",
        "/a.png",
        "//host/a.png",
        "http://other/a.png",
        "%2e%2e/a.png",
        "x/%2E%2e/%2e./a.png",
        "%252e%252e/a.png",
        "..%2fa.png",
        "x%2f..%2f..%2fa.png",
        "..\\a.png",
        "x\\..\\..\\a.png",
        "..%5ca.png",
        "\\\\host\\a.png",
        "%2fetc/passwd",
        ".. /a.png",
        "../a.png?x=1",
    ],
)
def test_web_paths_that_some_server_takes_for_ways_out_are_refused(path: str) -> None:
    with pytest.raises(OutsideRootError):
        resolve_below("https://host/data", path)


DISGUISED = st.lists(st.sampled_from(["..", ".", "/", "\\", "%2e", "%2F", "%5c", "%25", "a", "?", "#", "\t", " "]))


@given(DISGUISED.map("".join) | st.text())
@example("%25%32%65%25%32%65/a")
def test_no_web_path_leaves_its_root_however_it_is_read(path: str) -> None:
    try:
        sent = resolve_below("https://host/data", path)
    except (OutsideRootError, FileNotFoundError):
        return
    yarl = pytest.importorskip("yarl")
    url = yarl.URL(sent)
    assert (url.scheme, url.host) == ("https", "host")
    assert not url.fragment
    read = url.raw_path
    for _ in range(5):
        for taken in (read, read.replace("\\", "/")):
            assert posixpath.normpath(taken).startswith("/data")
        read = unquote(read)


@settings(deadline=None)
@given(path=DISGUISED.map("".join) | st.text(st.characters(exclude_categories=[]), max_size=300))
@example("a\0b")
@example("\ud800")
@example("x" * 5000)
@example("a/" * 3000)
def test_any_path_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    root = str(tmp_path_factory.getbasetemp())
    try:
        resolved = resolve_below(root, path)
        assert resolved == root or resolved.startswith(root + "/")
        read_file(resolved, FETCH, 1000)
    except (OutsideRootError, OSError):
        pass


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300, "absent"])
def test_names_that_no_file_can_have_are_missing_files(root: Path, name: str) -> None:
    for call in (lambda: open_file(name), lambda: read_file(name, FETCH, 1)):
        with pytest.raises(FileNotFoundError):
            call()
    with pytest.raises(FileNotFoundError):
        read_file(resolve_below(str(root), name), FETCH, 1)


def test_what_a_scheme_is() -> None:
    assert is_remote("gs://bucket/a.png")
    assert not is_remote("folder/a.png")


def test_a_pipe_is_no_file(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        open_file(str(root / "pipe"))


def test_a_folder_is_no_file(root: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_file(str(root), FETCH, 1)


def test_files_are_read_up_to_a_limit(root: Path) -> None:
    assert read_file(str(root.parent / "secret"), FETCH, 1) == b"s"
    with pytest.raises(TooLargeError):
        read_file(str(root.parent / "secret"), FETCH, 0)


def test_a_range_is_read_whole_or_not_at_all(root: Path) -> None:
    secret = root.parent / "secret"
    size = secret.stat().st_size
    assert read_range(str(secret), 0, 1) + read_range(str(secret), 1, size) == secret.read_bytes()
    with pytest.raises(OSError, match=f"fewer than {size + 1} bytes"):
        read_range(str(secret), 0, size + 1)


def test_an_endless_file_is_not_read_on(root: Path) -> None:
    with (root / "long").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLargeError):
        read_file(str(root / "long"), FETCH, 1000)


def test_files_are_listed_by_patterns(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("images/b.png", "images/.hidden.png", "images/deep/c.png", "other/a.png"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    monkeypatch.chdir(root)
    expected = [str(root / "images" / "a.png"), str(root / "images" / "b.png")]
    assert list_files(f"{root}/images/*.png") == expected
    assert list_files("images/[ab].png") == expected
    assert list_files("**/c.png") == [str(root / "images/deep/c.png")]
    assert list_files("im*") == [str(root / "images")]
    assert list_files("images/a.png") == expected[:1]
    assert list_files("images/z*.png") == []


def test_the_working_directory_is_no_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data[1]", "data1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").touch()
    monkeypatch.chdir(tmp_path / "data[1]")
    assert list_files("*.csv") == [str(tmp_path / "data[1]" / "a.csv")]


def test_all_files_below_a_folder_are_found_once(root: Path) -> None:
    (root / "images" / "up").symlink_to(root)
    (root / "images" / "sideways").symlink_to(root / "side")
    (root / "side").mkdir()
    (root / "side" / "across").symlink_to(root / "images")
    (root / "broken.png").symlink_to(root / "nowhere")
    names = [os.path.relpath(path, root) for path in walk_files(str(root))]
    assert names == ["broken.png", "images/a.png", "side/across/a.png"]
    with pytest.raises(FileNotFoundError):
        walk_files(str(root / "absent"))


def test_files_and_folders_are_told_apart(root: Path) -> None:
    assert is_folder(str(root))
    assert not is_file(str(root))
    assert is_file(str(root / "images" / "a.png"))
    assert not is_folder(str(root / "images" / "a.png"))
    assert not is_file(str(root / "absent"))


def test_what_is_removed_is_gone_and_nothing_else(root: Path) -> None:
    (root / "link").symlink_to(root / "images")
    for name in ("link", "link", "absent"):
        remove(str(root / name))
    assert not (root / "link").is_symlink()
    assert is_file(str(root / "images" / "a.png"))
    remove(str(root / "images" / "a.png"))
    assert is_folder(str(root / "images"))
    remove(str(root / "images"))
    assert not (root / "images").exists()


def test_folders_and_names_join() -> None:
    for folder in ("data/x", "/data", "gs://bucket/data", "https://host/data"):
        assert folder_of(join(folder, "a.csv")) == folder
    assert folder_of("a.csv") == "."
    assert folder_of("https://host/data/a.csv?path=/x/y") == "https://host/data"


def test_a_file_is_there_when_it_is_closed_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    with write_stream(str(path)) as file:
        file.write(b"one")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"one"
    with write_stream(str(path)) as file:
        file.write(b"two")
        assert path.read_bytes() == b"one"
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["a.bin"]


def test_names_of_any_length_and_folderless_ones_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "x" * 255, "ü" * 127):
        with write_stream(name) as file:
            file.write(b"1")
        assert Path(name).read_bytes() == b"1"


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), write_stream(str(tmp_path / "a")) as file:
        file.write(b"half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_flushed_is_not_published(tmp_path: Path) -> None:
    code = """
import errno, os, resource, signal, sys
from diptych.components.catalogue.storage import write_stream
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with write_stream(sys.argv[1] + "/a") as file:
        file.write(bytes(2000))
except OSError as error:
    print(errno.errorcode[error.errno], os.listdir(sys.argv[1]))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["EFBIG", "[]"]


def test_a_killed_process_leaves_no_half_file(tmp_path: Path) -> None:
    code = """
import sys, time
from diptych.components.catalogue.storage import write_stream
with write_stream(sys.argv[1]) as file:
    file.write(bytes(1 << 20))
    file.flush()
    sys.stdout.write("written\\n")
    sys.stdout.flush()
    time.sleep(60)
"""
    path = tmp_path / "a.tfrecord"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    with process.stdout as lines:
        assert lines.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.exists()
    assert list_files(f"{tmp_path}/*") == []
    with write_stream(str(path)) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"


def test_files_are_written_with_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with write_stream(str(tmp_path / "a")):
        pass
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode
