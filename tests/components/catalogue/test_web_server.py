"""Files of web servers, whether or not they send parts of files."""

from __future__ import annotations

import io
import os
import tempfile
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import fsspec
import pytest

from diptych.components.catalogue import remote
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions, FetchOptions, Limits
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.storage import (
    FetchError,
    TooLargeError,
    file_version,
    is_file,
    is_folder,
    list_files,
    open_file,
    read_file,
    remove,
    walk_files,
)
from tests.components.catalogue.remote_files import CONTENT, MB, QUICK, WebServer, put

pytestmark = pytest.mark.usefixtures("isolated_stores")


@pytest.mark.parametrize(("code", "error"), [(401, PermissionError), (410, FileNotFoundError), (400, FetchError)])
def test_a_web_servers_refusals_come_at_once(web: WebServer, code: int, error: type[OSError]) -> None:
    web.failures["/a"] = [code] * 100
    for call in (lambda: read_file(f"{web.root}/a", QUICK, MB), lambda: open_file(f"{web.root}/a", QUICK)):
        with pytest.raises(error):
            call()
    assert web.requests["/a"] == 2


def test_a_dripping_server_is_given_up(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        for _ in range(100):
            try:
                request.wfile.write(b"x")
            except OSError:
                return
            time.sleep(0.1)

    monkeypatch.setattr(web, "answer", drip)
    start = time.monotonic()
    with pytest.raises(FetchError):
        read_file(f"{web.root}/a", FetchOptions(attempts=1, timeout_seconds=0.5), MB)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("ranges", [True, False])
def test_no_more_of_a_web_servers_file_is_read_than_may_be(web: WebServer, ranges: bool) -> None:
    web.ranges = ranges
    web.files["/large"] = bytes(200 * MB)
    with pytest.raises(TooLargeError):
        read_file(f"{web.root}/large", QUICK, 1000)
    assert web.sent < 20 * MB  # what the sockets' buffers take


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
def test_web_files_are_read_from_any_position(web: WebServer, ranges: bool, content: bytes) -> None:
    web.ranges = ranges
    web.files["/a.csv"] = content
    with open_file(f"{web.root}/a.csv?version=1", QUICK) as file:
        assert file.read() == content
        file.seek(len(content) // 2)
        assert file.read() == content[len(content) // 2 :]


def test_a_long_file_is_read_in_blocks(web: WebServer) -> None:
    lines = b"".join(b"%07d\n" % number for number in range((9 << 20) // 8))
    web.files["/long"] = lines
    with open_file(f"{web.root}/long", QUICK) as file:
        assert file.read() == lines
        file.seek(8)
        assert file.read(8) == b"0000001\n"
    assert web.requests["/long"] == 1 + 3  # the last blocks are kept
    with io.TextIOWrapper(open_file(f"{web.root}/long", QUICK)) as text:
        assert sum(1 for _ in text) == len(lines) // 8
    assert web.requests["/long"] == 4 + 1 + 3


def test_blocks_are_tried_again_by_themselves(web: WebServer) -> None:
    web.files["/long"] = os.urandom(9 << 20)
    with open_file(f"{web.root}/long", QUICK) as file:
        head = file.read(10)
        web.failures["/long"] = [503, 0]
        assert head + file.read() == web.files["/long"]


def test_a_file_that_shrinks_while_it_is_read_is_no_shorter_file(web: WebServer) -> None:
    web.files["/long"] = bytes(9 << 20)
    with open_file(f"{web.root}/long", QUICK) as file:
        file.read(10)
        web.files["/long"] = bytes(5 << 20)
        with pytest.raises(FetchError, match="shorter"):
            file.read()


def test_downloads_are_bounded(web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.ranges = False
    web.files["/long"] = bytes(3_000_000)
    copy = tmp_path / "copy"
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: copy.open("w+b"))
    with pytest.raises(FetchError, match=r"takes more than 0\.001 GB .*data\.limits\.scratch_gb.*raise the limit"):
        open_file(f"{web.root}/long", QUICK, Limits(scratch_gb=0.001))
    assert copy.stat().st_size <= 1_000_000
    assert web.requests["/long"] == 2  # to ask for its size, and once to read it


def test_a_catalogue_that_cannot_be_copied_names_the_limit(web: WebServer) -> None:
    web.ranges = False
    web.files["/rows.csv"] = b"image,description,label\n" + b"a.png,text,cat\n" * 100_000
    data = DataOptions(catalogue=f"{web.root}/rows.csv", fetch=QUICK, limits=Limits(scratch_gb=0.001))
    with pytest.raises(CatalogueError, match=r"'http://.*/rows\.csv' cannot be read: .*data\.limits\.scratch_gb"):
        list(Catalogue.open(data).rows())


def test_pages_of_links_are_folders(web: WebServer) -> None:
    web.files["/data/"] = b'<a href="?C=N">Name</a> <a href="../">up</a> <a href="1/">1</a> <a href="a.csv">a</a>'
    web.files["/data/1/"] = b'<a href="b%20c.csv">b c</a> <a href="/data/1/d.txt">d</a>'
    web.files["/data/a.csv"] = web.files["/data/1/b%20c.csv"] = CONTENT
    root = f"{web.root}/data"
    assert list_files(f"{root}/*.csv", QUICK) == [f"{root}/a.csv"]
    assert list_files(f"{root}/*/*.csv", QUICK) == [f"{root}/1/b%20c.csv"]
    assert walk_files(f"{root}/", QUICK) == [f"{root}/1/b%20c.csv", f"{root}/1/d.txt", f"{root}/a.csv"]
    assert read_file(f"{root}/1/b%20c.csv", QUICK, MB) == CONTENT
    assert list_files(f"{root}/a.csv?day=1", QUICK) == [f"{root}/a.csv?day=1"]
    assert list_files(f"{root}/a.csv", QUICK) == [f"{root}/a.csv"]
    assert list_files(f"{root}/absent.csv", QUICK) == []
    assert list_files(f"{web.root}/absent/*.csv", QUICK) == []
    assert is_folder(f"{root}/", QUICK)
    assert is_file(f"{root}/a.csv", QUICK)
    assert not is_file(f"{root}/absent.csv", QUICK)
    assert not is_file(f"{root}/", QUICK)


def test_only_strong_tags_tell_a_web_files_content(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["/a"] = CONTENT
    assert file_version(f"{web.root}/a", QUICK) == 'ETag="1"'
    send = web._send
    weak = {"ETag": 'W/"1"'}
    monkeypatch.setattr(web, "_send", lambda request, code, content, more=None: send(request, code, content, weak))
    assert file_version(f"{web.root}/a", QUICK) is None


def test_a_web_server_is_not_written_to(web: WebServer) -> None:
    with pytest.raises(PermissionError):
        put(f"{web.root}/a", b"x")
    with pytest.raises(PermissionError):
        remove(f"{web.root}/a")
    assert web.requests.total() == 0


def test_passwords_come_from_netrc_and_tokens_from_the_configuration_of_fsspec(
    web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str | None] = []

    def note(request: BaseHTTPRequestHandler) -> None:
        given.append(request.headers.get("Authorization"))
        request.send_error(404)

    monkeypatch.setattr(web, "answer", note)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password key\nmachine 127.0.0.1 login me password key\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with pytest.raises(FileNotFoundError):
        read_file(f"{web.root}/a", QUICK, MB)
    monkeypatch.delenv("NETRC")
    monkeypatch.setitem(fsspec.config.conf, "http", {"client_kwargs": {"headers": {"Authorization": "Bearer key"}}})
    remote._make_store.cache_clear()
    with pytest.raises(FileNotFoundError):
        read_file(f"{web.root}/a", QUICK, MB)
    assert given == ["Basic bWU6a2V5", "Bearer key"]


@pytest.mark.parametrize("code", [400, 403, 404, 500])
def test_no_error_tells_the_key_of_a_url(web: WebServer, code: int) -> None:
    web.failures["/a"] = [code] * 100
    for call in (read_file, open_file):
        with pytest.raises(OSError, match=r"\*\*\*") as caught:
            call(*(f"{web.root}/a?token=s3cr3t", QUICK, MB)[: 3 if call is read_file else 2])
        assert "s3cr3t" not in str(caught.value)
