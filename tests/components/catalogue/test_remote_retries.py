"""Which requests to a store or web server are repeated, and after how long a silent server is an error."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from diptych.components.catalogue import remote
from diptych.components.catalogue.options import FetchOptions
from diptych.components.catalogue.storage import (
    FetchError,
    list_files,
    open_file,
    read_file,
    walk_files,
)
from tests.components.catalogue.remote_files import CONTENT, MB, QUICK, WebServer, put
from tests.paths import ROOT

pytestmark = pytest.mark.usefixtures("isolated_stores")


@pytest.fixture(params=["web", "s3", "gs"])
def flaky(request: pytest.FixtureRequest, web: WebServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a file that the fixture ``web`` serves, as a web server, S3 or Google Cloud Storage would."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.root)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", web.root)
    uri = {"web": f"{web.root}/b/a.png", "s3": "s3://b/a.png", "gs": "gs://b/a.png"}[request.param]
    web.files[path_of(uri)] = CONTENT
    return uri


def path_of(uri: str) -> str:
    """The path in the request for the content of the URI."""
    return "/download/storage/v1/b/b/o/a.png" if uri.startswith("gs") else "/b/a.png"


@pytest.mark.parametrize("failures", [[503], [0], [500, 0], [429, 408], [502, 504]])
def test_what_fails_in_passing_is_tried_again(flaky: str, web: WebServer, failures: list[int]) -> None:
    web.failures[path_of(flaky)] = list(failures)
    assert read_file(flaky, QUICK, MB) == CONTENT
    assert web.requests[path_of(flaky)] == len(failures) + 1


def test_libraries_own_attempts_do_not_multiply_ours(flaky: str, web: WebServer) -> None:
    web.failures[path_of(flaky)] = [503] * 100
    with pytest.raises(FetchError, match=rf"{re.escape(flaky)}.*3 attempts"):
        read_file(flaky, QUICK, MB)
    assert web.requests[path_of(flaky)] == 3


@pytest.mark.parametrize(("code", "error"), [(404, FileNotFoundError), (403, PermissionError)])
def test_refusals_come_at_once(flaky: str, web: WebServer, code: int, error: type[OSError]) -> None:
    web.failures[path_of(flaky)] = [code] * 100
    with pytest.raises(error):
        read_file(flaky, QUICK, MB)
    assert web.requests[path_of(flaky)] == 1


def test_a_single_request_reads_a_file(flaky: str, web: WebServer) -> None:
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


def test_threads_wait_side_by_side(flaky: str, web: WebServer) -> None:
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
    # Other load on the machine slows both alike: one after the other, 64 requests take four times as long as 16.
    assert time.monotonic() - start < 4 * alone / 2


def test_threads_that_come_first_share_one_store(flaky: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        stores = set(threads.map(lambda _: id(remote.get_store(flaky, 5)), range(8)))
    assert len(stores) == 1


def test_a_forked_process_and_the_end_of_one_are_quiet(flaky: str, web: WebServer) -> None:
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
    # Python 3.12 and later warn of a fork while threads run; the child here uses nothing that a thread may have locked.
    quiet = [sys.executable, "-W", "ignore::DeprecationWarning", "-c"]
    done = subprocess.run([*quiet, code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout.split() == [str(len(CONTENT))]
    assert done.stderr == ""
