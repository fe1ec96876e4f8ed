"""Files of object stores: they are written, found, read, and known by their versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from diptych.components.catalogue.storage import (
    FetchError,
    TooLargeError,
    file_version,
    is_file,
    is_folder,
    list_files,
    open_file,
    read_file,
    read_range,
    remove,
    walk_files,
    write_stream,
)
from tests.components.catalogue.remote_files import CONTENT, MB, QUICK, WebServer, put
from tests.paths import ROOT

pytestmark = pytest.mark.usefixtures("isolated_stores")


def test_what_was_written_is_read(bucket: str) -> None:
    uri = put(f"{bucket}/a folder/ü %20#1.png", CONTENT)
    assert read_file(uri, QUICK, MB) == CONTENT
    with open_file(uri, QUICK) as file:
        assert file.read(3) == CONTENT[:3]
        assert file.seek(-2, os.SEEK_END) == len(CONTENT) - 2
        assert file.read() == CONTENT[-2:]


def test_what_is_removed_is_gone_and_nothing_else(bucket: str) -> None:
    kept = [put(f"{bucket}/jobs-2/a", CONTENT), put(f"{bucket}/jobsite", CONTENT)]
    for name in ("a", "b/c"):
        put(f"{bucket}/jobs/{name}", CONTENT)
    file = put(f"{bucket}/file", CONTENT)
    for uri in (f"{bucket}/jobs", f"{bucket}/jobs", file, f"{bucket}/nothing/at/all"):
        remove(uri)
    assert walk_files(bucket, QUICK) == kept


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


def test_a_range_is_read_whole_or_not_at_all(bucket: str) -> None:
    uri = put(f"{bucket}/ranged", CONTENT)
    assert read_range(uri, 2, len(CONTENT)) == CONTENT[2:]
    with pytest.raises(OSError, match=f"fewer than {len(CONTENT) + 1} bytes"):
        read_range(uri, 2, len(CONTENT) + 1)


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


def test_reading_local_files_needs_no_library_of_stores() -> None:
    code = "import diptych.components.catalogue.storage, sys, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"fsspec", "aiohttp", "tenacity", "botocore", "tensorflow", "tfx"}
    assert not heavy & set(json.loads(done.stdout))


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_another_endpoint_is_another_store(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = [WebServer(), WebServer()]
    for number, server in enumerate(servers):
        server.files["/b/a.png"] = CONTENT[: number + 1]
    # The second server, and the first one again.
    for number in (0, 1, 0):
        monkeypatch.setenv(variable, servers[number].root)
        assert read_file("s3://b/a.png", QUICK, MB) == CONTENT[: number + 1]
    for server in servers:
        server.close()
