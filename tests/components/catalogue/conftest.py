"""Web servers on this machine, and emulators of S3 and Google Cloud Storage."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from diptych.components.catalogue import remote
from tests.components.catalogue.remote_files import WebServer, bucket_of


@pytest.fixture
def isolated_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hides the machine's accounts and proxies, removes the pauses between attempts, and clears the cache of stores."""
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
def web() -> Iterator[WebServer]:
    server = WebServer()
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
    # Not by fsspec, which does not delete markers of folders.
    for found in files.call_s3("list_objects_v2", Bucket="shop").get("Contents", []):
        files.call_s3("delete_object", Bucket="shop", Key=found["Key"])
    files.rmdir("shop")


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
    return bucket_of(request.param, request)
