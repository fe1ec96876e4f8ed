"""Remote files, from servers on this machine: S3 and Google Cloud Storage as emulators speak them, and the web."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from diptych.components.catalogue import remote
from diptych.components.catalogue.options import FetchOptions
from diptych.components.catalogue.storage import (
    FetchError,
    TooLargeError,
    file_version,
    is_file,
    is_folder,
    list_files,
    open_file,
    read_file,
    walk_files,
    write_stream,
)
from tests.paths import ROOT

QUICK = FetchOptions(attempts=3, timeout_seconds=5)
CONTENT = bytes(range(256)) * 40
MB = 10**6


class Web:
    """A web server that fails as told.

    Attributes:
        files: what it serves, by path.
        failures: by path, what it does instead for the first requests: answer a code, or 0 to hang up.
        ranges: whether it sends parts of files.
        delay: of each answer, in seconds.
        requests: how often each path was asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.failures: dict[str, list[int]] = {}
        self.ranges = True
        self.delay = 0.0
        self.requests: Counter[str] = Counter()
        self.sent = 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                web.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.requests[path] += 1
        time.sleep(self.delay)
        if self.failures.get(path):
            code = self.failures[path].pop(0)
            if code:
                return self._send(request, code, b"no")
            # Half an answer.
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
            request.close_connection = True
            return None
        if f"{path}/" in self.files:
            return self._send(request, 301, b"", {"Location": f"{path}/"})
        if path not in self.files:
            return self._send(request, 404, b"")
        return self._send_file(request, self.files[path])

    def _send_file(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if not self.ranges or not wanted:
            return self._send(request, 200, content)
        start, stop = int(wanted[1]), min(int(wanted[2]) + 1, len(content))
        if start >= len(content):
            return self._send(request, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
        of = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
        return self._send(request, 206, content[start:stop], of)

    def _send(
        self, request: BaseHTTPRequestHandler, code: int, content: bytes, more: dict[str, str] | None = None
    ) -> None:
        request.send_response(code)
        kind = "text/html" if content.startswith(b"<") else "application/octet-stream"
        for name, value in {"ETag": '"1"', "Content-Type": kind, **(more or {})}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command == "HEAD":
            return
        try:
            for start in range(0, len(content), 1 << 16):
                self.sent += request.wfile.write(content[start : start + (1 << 16)])
        except OSError:
            request.close_connection = True


@pytest.fixture(autouse=True)
def _only_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the machine's own accounts and proxies, no pauses between attempts, and stores made anew."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "STORAGE_", "FSSPEC_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda seconds: None))
    remote._make_store.cache_clear()
    yield
    remote._make_store.cache_clear()


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of an empty bucket."""
    import fsspec

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    files = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    files.mkdir("shop")
    yield "s3://shop"
    files.rm("shop", recursive=True)


@pytest.fixture(scope="module")
def gs_endpoint() -> Iterator[str]:
    if importlib.util.find_spec("gcp_storage_emulator") is None:
        pytest.skip("gcp-storage-emulator is not installed")
    from gcp_storage_emulator.server import create_server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="shop")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def gs(gs_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of an empty bucket."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gs_endpoint)
    yield "gs://shop"
    from gcsfs.core import GCSFileSystem

    files = GCSFileSystem(skip_instance_cache=True, use_listings_cache=False, token="anon")
    for name in files.find("shop"):
        files.rm_file(name)


@pytest.fixture
def memory() -> Iterator[str]:
    yield "memory://shop"
    import fsspec

    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture(params=["s3", "minio", "gs", "memory"])
def bucket(request: pytest.FixtureRequest) -> str:
    """The URI of an empty bucket of a store that can be written to."""
    if request.param == "minio":
        return str(request.getfixturevalue("s3")).replace("s3://", "minio://")
    return str(request.getfixturevalue(request.param))


def put(uri: str, content: bytes) -> str:
    with write_stream(uri) as file:
        file.write(content)
    return uri


def test_what_was_written_is_read(bucket: str) -> None:
    uri = put(f"{bucket}/a folder/ü %20#1.png", CONTENT)
    assert read_file(uri, QUICK, MB) == CONTENT
    with open_file(uri, QUICK) as file:
        assert file.read(3) == CONTENT[:3]
        assert file.seek(-2, os.SEEK_END) == len(CONTENT) - 2
        assert file.read() == CONTENT[-2:]


def test_empty_files_are_read(bucket: str) -> None:
    uri = put(f"{bucket}/empty", b"")
    assert read_file(uri, QUICK, MB) == b""
    with open_file(uri, QUICK) as file:
        assert file.read() == b""


def test_files_are_read_up_to_a_limit(bucket: str) -> None:
    uri = put(f"{bucket}/large", CONTENT)
    assert read_file(uri, QUICK, len(CONTENT)) == CONTENT
    with pytest.raises(TooLargeError):
        read_file(uri, QUICK, len(CONTENT) - 1)


def test_files_that_do_not_exist_are_missing(bucket: str) -> None:
    put(f"{bucket}/there", b"x")
    for uri in (f"{bucket}/absent", f"{bucket}-absent/file"):
        with pytest.raises(FileNotFoundError):
            read_file(uri, QUICK, MB)
        with pytest.raises(FileNotFoundError):
            open_file(uri, QUICK)
        with pytest.raises(FileNotFoundError):
            file_version(uri, QUICK)
        assert not is_file(uri, QUICK)
        assert not is_folder(uri, QUICK)


def test_files_are_found_under_the_scheme_that_was_asked_for(bucket: str) -> None:
    uris = [put(f"{bucket}/data/{name}", b"x") for name in ("1/a.csv", "1/b.txt", "2/a.csv")]
    assert list_files(f"{bucket}/data/*/a.csv", QUICK) == [uris[0], uris[2]]
    assert list_files(f"{bucket}/data/[2-9]", QUICK) == [f"{bucket}/data/2"]
    assert list_files(f"{bucket}/data/**/*.txt", QUICK) == [uris[1]]
    assert list_files(f"{bucket}/none/*", QUICK) == []
    assert list_files(f"{bucket}-absent/*", QUICK) == []
    assert walk_files(f"{bucket}/data", QUICK) == uris
    assert is_file(uris[0], QUICK)
    assert not is_folder(uris[0], QUICK)
    assert is_folder(f"{bucket}/data", QUICK)
    assert not is_file(f"{bucket}/data", QUICK)


def test_a_file_written_after_a_listing_is_listed(bucket: str) -> None:
    first = put(f"{bucket}/data/1", b"x")
    assert list_files(f"{bucket}/data/*", QUICK) == [first]
    second = put(f"{bucket}/data/2", b"x")
    assert list_files(f"{bucket}/data/*", QUICK) == [first, second]


@pytest.mark.parametrize("store", ["s3", "gs"])
def test_a_files_version_tells_its_content(store: str, request: pytest.FixtureRequest) -> None:
    bucket = request.getfixturevalue(store)
    uri = put(f"{bucket}/a", b"one")
    first = file_version(uri, QUICK)
    put(uri, b"two")
    second = file_version(uri, QUICK)
    put(uri, b"one")
    assert first is not None
    assert first != second
    assert file_version(uri, QUICK) == first


def test_a_write_that_fails_leaves_what_was_there(bucket: str) -> None:
    uri = put(f"{bucket}/a", b"before")
    with pytest.raises(RuntimeError), write_stream(uri) as file:
        file.write(b"half")
        raise RuntimeError
    assert read_file(uri, QUICK, MB) == b"before"


@pytest.fixture(params=["web", "s3", "gs"])
def flaky(request: pytest.FixtureRequest, web: Web, monkeypatch: pytest.MonkeyPatch) -> str:
    """A URI whose requests the web server answers at ``FLAKY[its scheme]``."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.root)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", web.root)
    uri = {"web": f"{web.root}/b/a.png", "s3": "s3://b/a.png", "gs": "gs://b/a.png"}[request.param]
    web.files[path_of(uri)] = CONTENT
    return uri


def path_of(uri: str) -> str:
    """The path that a request for the URI's content has."""
    return "/download/storage/v1/b/b/o/a.png" if uri.startswith("gs") else "/b/a.png"


@pytest.mark.parametrize("failures", [[503], [0], [500, 0], [429, 408], [502, 504]])
def test_what_fails_in_passing_is_tried_again(flaky: str, web: Web, failures: list[int]) -> None:
    web.failures[path_of(flaky)] = list(failures)
    assert read_file(flaky, QUICK, MB) == CONTENT
    assert web.requests[path_of(flaky)] == len(failures) + 1


def test_libraries_own_attempts_do_not_multiply_ours(flaky: str, web: Web) -> None:
    web.failures[path_of(flaky)] = [503] * 100
    with pytest.raises(FetchError, match=rf"{re.escape(flaky)}.*3 attempts"):
        read_file(flaky, QUICK, MB)
    assert web.requests[path_of(flaky)] == 3


@pytest.mark.parametrize(("code", "error"), [(404, FileNotFoundError), (403, PermissionError)])
def test_refusals_come_at_once(flaky: str, web: Web, code: int, error: type[OSError]) -> None:
    web.failures[path_of(flaky)] = [code] * 100
    with pytest.raises(error):
        read_file(flaky, QUICK, MB)
    assert web.requests[path_of(flaky)] == 1


@pytest.mark.parametrize(("code", "error"), [(401, PermissionError), (410, FileNotFoundError), (400, FetchError)])
def test_a_web_servers_refusals_come_at_once(web: Web, code: int, error: type[OSError]) -> None:
    web.failures["/a"] = [code] * 100
    for call in (lambda: read_file(f"{web.root}/a", QUICK, MB), lambda: open_file(f"{web.root}/a", QUICK)):
        with pytest.raises(error):
            call()
    assert web.requests["/a"] == 2


def test_a_single_request_reads_a_file(flaky: str, web: Web) -> None:
    assert read_file(flaky, QUICK, MB) == CONTENT
    assert web.requests.total() == 1


@pytest.mark.parametrize("scheme", ["http", "s3", "gs"])
def test_a_server_that_never_answers_is_given_up(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        root = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", root)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", root)
        uri = f"{root}/b/a.png" if scheme == "http" else f"{scheme}://b/a.png"
        impatient = FetchOptions(attempts=2, timeout_seconds=0.3)
        calls = (
            lambda: read_file(uri, impatient, MB),
            lambda: open_file(uri, impatient),
            lambda: list_files(f"{uri.rpartition('/')[0]}/*.png", impatient),
            lambda: walk_files(f"{uri.rpartition('/')[0]}/", impatient),
        )
        for call in calls:
            start = time.monotonic()
            with pytest.raises(FetchError, match="2 attempts"):
                call()
            assert time.monotonic() - start < 5


def test_a_server_that_is_down_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        root = f"http://127.0.0.1:{gone.getsockname()[1]}"
    for call in (lambda: read_file(f"{root}/a", QUICK, MB), lambda: list_files(f"{root}/*", QUICK)):
        with pytest.raises(FetchError, match=root):
            call()


def test_a_dripping_server_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_no_more_of_a_web_servers_file_is_read_than_may_be(web: Web, ranges: bool) -> None:
    web.ranges = ranges
    web.files["/large"] = bytes(200 * MB)
    with pytest.raises(TooLargeError):
        read_file(f"{web.root}/large", QUICK, 1000)
    assert web.sent < 20 * MB  # what the sockets' buffers take


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
def test_web_files_are_read_from_any_position(web: Web, ranges: bool, content: bytes) -> None:
    web.ranges = ranges
    web.files["/a.csv"] = content
    with open_file(f"{web.root}/a.csv?version=1", QUICK) as file:
        assert file.read() == content
        file.seek(len(content) // 2)
        assert file.read() == content[len(content) // 2 :]


def test_a_long_file_is_read_in_blocks(web: Web) -> None:
    lines = b"".join(b"%07d\n" % number for number in range((9 << 20) // 8))
    web.files["/long"] = lines
    with open_file(f"{web.root}/long", QUICK) as file:
        assert file.read() == lines
        file.seek(8)
        assert file.read(8) == b"0000001\n"
    assert web.requests["/long"] == 1 + 3 + 1
    with io.TextIOWrapper(open_file(f"{web.root}/long", QUICK)) as text:
        assert sum(1 for _ in text) == len(lines) // 8
    assert web.requests["/long"] == 5 + 1 + 3


def test_blocks_are_tried_again_by_themselves(web: Web) -> None:
    web.files["/long"] = os.urandom(9 << 20)
    with open_file(f"{web.root}/long", QUICK) as file:
        head = file.read(10)
        web.failures["/long"] = [503, 0]
        assert head + file.read() == web.files["/long"]


def test_a_file_that_shrinks_while_it_is_read_is_no_shorter_file(web: Web) -> None:
    web.files["/long"] = bytes(9 << 20)
    with open_file(f"{web.root}/long", QUICK) as file:
        file.read(10)
        web.files["/long"] = bytes(5 << 20)
        with pytest.raises(FetchError, match="shorter"):
            file.read()


def test_downloads_are_bounded(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_MOST_DOWNLOADED", 1000)
    web.ranges = False
    web.files["/long"] = CONTENT
    with pytest.raises(FetchError, match="copy it"):
        open_file(f"{web.root}/long", QUICK)
    assert web.requests["/long"] == 2  # to ask for its size, and once to read it


def test_pages_of_links_are_folders(web: Web) -> None:
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


def test_only_strong_tags_tell_a_web_files_content(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files["/a"] = CONTENT
    assert file_version(f"{web.root}/a", QUICK) == 'ETag="1"'
    send = web._send
    weak = {"ETag": 'W/"1"'}
    monkeypatch.setattr(web, "_send", lambda request, code, content, more=None: send(request, code, content, weak))
    assert file_version(f"{web.root}/a", QUICK) is None


def test_a_web_server_is_not_written_to(web: Web) -> None:
    with pytest.raises(PermissionError):
        put(f"{web.root}/a", b"x")
    assert web.requests.total() == 0


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("file:///etc/passwd", "path alone"),
        ("nothing://a/b", "nothing://"),
        ("http://[::1/a", "http"),
        ("http://a:99999999/x", "http"),
        ("s3://b\u20ac/a", "s3://b"),
        ("http://127.0.0.1:1/\ud800", "127.0.0.1"),
    ],
)
def test_uris_that_cannot_be_asked_for_are_refused(uri: str, message: str) -> None:
    for call in (
        lambda: read_file(uri, QUICK, MB),
        lambda: open_file(uri, QUICK),
        lambda: list_files(uri + "*", QUICK),
    ):
        with pytest.raises(FetchError, match=message):
            call()


def test_a_write_is_tried_again(s3_endpoint: str, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    puts: list[str] = []
    put_once = remote.Store.put

    def put_flakily(store: remote.Store, local: str, uri: str) -> None:
        puts.append(uri)
        if len(puts) < 3:
            raise ConnectionResetError
        put_once(store, local, uri)

    monkeypatch.setattr(remote.Store, "put", put_flakily)
    assert read_file(put(f"{s3}/a", CONTENT), QUICK, MB) == CONTENT
    assert len(puts) == 3


def test_threads_wait_side_by_side(flaky: str, web: Web) -> None:
    read_file(flaky, QUICK, MB)
    web.delay = 0.05
    start = time.monotonic()
    for _ in range(16):
        read_file(flaky, QUICK, MB)
    alone = time.monotonic() - start
    start = time.monotonic()
    with ThreadPoolExecutor(16) as threads:
        contents = list(threads.map(lambda _: read_file(flaky, QUICK, MB), range(64)))
    assert contents == [CONTENT] * 64
    # Whatever else the machine does, it does to both: one after the other, 64 take four times as long as 16.
    assert time.monotonic() - start < 4 * alone / 2


def test_threads_that_come_first_share_one_store(flaky: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        stores = set(threads.map(lambda _: id(remote.store_of(flaky, 5)), range(8)))
    assert len(stores) == 1


def test_a_forked_process_and_the_end_of_one_are_quiet(flaky: str, web: Web) -> None:
    code = f"""
import os
from diptych.components.catalogue.options import FetchOptions
from diptych.components.catalogue.storage import read_file
read = lambda: len(read_file({flaky!r}, FetchOptions(attempts=1, timeout_seconds=5), 10**6))
first = read()
child = os.fork()
if child == 0:
    os._exit(0 if read() == first else 1)
assert os.waitpid(child, 0)[1] == 0
print(first)
"""
    # Python 3.12 and later warn of every fork beside a thread; the child here touches nothing that a thread holds.
    quiet = [sys.executable, "-W", "ignore::DeprecationWarning", "-c"]
    done = subprocess.run([*quiet, code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout.split() == [str(len(CONTENT))]
    assert done.stderr == ""


def test_reading_local_files_needs_no_library_of_stores() -> None:
    code = "import diptych.components.catalogue.storage, sys, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"fsspec", "aiohttp", "tenacity", "botocore", "tensorflow", "tfx"}
    assert not heavy & set(json.loads(done.stdout))
