"""URIs: the paths that mirror them, and reading and writing at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from diptych.components.catalogue.spans import ResolvedSpan
from diptych.kubeflow.container import store
from diptych.kubeflow.container.store import StoreError


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://bucket/a/b", "/minio/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
    ],
)
def test_mirrors_are_where_kfps_launcher_makes_them(uri: str, path: str) -> None:
    assert store.mirror_path(uri, "/") == path
    assert store.mirror_path(uri, "/elsewhere") == f"/elsewhere{path}"


@pytest.mark.parametrize("uri", ["oci://registry/model", "https://host/file", "hdfs://x/y"])
def test_an_unknown_scheme_is_refused_with_those_that_are_known(uri: str) -> None:
    with pytest.raises(StoreError, match=r"unknown scheme .*minio://, s3://, gs://"):
        store.split_uri(uri)


def test_no_uri_leaves_its_bucket() -> None:
    with pytest.raises(StoreError, match="leaves its bucket"):
        store.read_file("minio://bucket/../../etc/passwd")
    with pytest.raises(StoreError, match="bucket's name is missing"):
        store.read_file("minio:///etc/passwd")


def test_a_path_is_no_artifact_uri() -> None:
    assert store.split_uri("/data/catalogue.csv") is None
    with pytest.raises(StoreError, match="no URI of an object store"):
        store.mirror_path("/data/x", "/")


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(store.STORES_VARIABLE, str(tmp_path))
    return tmp_path


def test_what_is_written_is_read_and_listed(mounted: Path) -> None:
    store.write_file("minio://bucket/runs/1/note.json", b"{}")
    assert (mounted / "minio/bucket/runs/1/note.json").read_bytes() == b"{}"
    assert store.read_file("minio://bucket/runs/1/note.json") == b"{}"
    assert store.list_names("minio://bucket/runs") == ["1"]
    assert store.list_names("minio://bucket/nothing") == []


def test_folders_go_up_and_come_down(mounted: Path, tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "variables").mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"graph")
    (source / "variables" / "index").write_bytes(b"weights")
    store.upload_folder(str(source), "s3://bucket/pushed/1")
    store.download_folder("s3://bucket/pushed/1", str(tmp_path / "copy"))
    assert (tmp_path / "copy/saved_model.pb").read_bytes() == b"graph"
    assert (tmp_path / "copy/variables/index").read_bytes() == b"weights"


def test_a_folder_without_folders_comes_down_too(mounted: Path, tmp_path: Path) -> None:
    store.write_file("s3://bucket/accepted/1/FeatureStats.pb", b"statistics")
    store.download_folder("s3://bucket/accepted/1", str(tmp_path / "new" / "1"))
    assert (tmp_path / "new/1/FeatureStats.pb").read_bytes() == b"statistics"


def test_a_mounted_folder_is_not_copied(mounted: Path) -> None:
    with store.local_copy("gs://bucket/catalogue") as folder:
        assert folder == str(mounted / "gs/bucket/catalogue")


def test_what_is_missing_is_named(mounted: Path) -> None:
    with pytest.raises(StoreError, match="cannot read 'minio://bucket/absent': there is no such file"):
        store.read_file("minio://bucket/absent")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the address behind ``minio://`` and ``s3://``; no stores are mounted."""
    monkeypatch.delenv(store.STORES_VARIABLE, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return lambda address: monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)


def test_an_unreachable_store_says_which_settings_to_check(
    endpoint: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint("http://127.0.0.1:9")
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda seconds: None))
    with pytest.raises(StoreError, match="kubeflow.store.endpoint") as error:
        store.read_file("minio://bucket/file")
    assert "secret'" not in str(error.value)


def test_a_folder_is_told_from_a_file(mounted: Path) -> None:
    store.write_file("minio://bucket/photos/cats/1.png", b"image")
    assert store.is_folder("minio://bucket/photos/")
    assert store.is_folder("minio://bucket")
    assert not store.is_folder("minio://bucket/photos/cats/1.png")
    assert not store.is_folder("minio://bucket/absent")


def write_empty_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


@pytest.mark.parametrize(
    ("uri", "span", "found"),
    [
        ("minio://bucket/span-{SPAN}/c.csv", None, ResolvedSpan("minio://bucket/span-010/c.csv", 10, None)),
        ("minio://bucket/span-{SPAN}/c.csv", 2, ResolvedSpan("minio://bucket/span-2/c.csv", 2, None)),
        ("minio://bucket/span-{SPAN:3}/c.csv", 10, ResolvedSpan("minio://bucket/span-010/c.csv", 10, None)),
        ("minio://bucket/7/v{VERSION}/*-{SPAN}.csv", None, ResolvedSpan("minio://bucket/7/v2/*-7.csv", 7, 2)),
        ("s3://bucket/{YYYY}-{MM}-{DD}.csv", None, ResolvedSpan("s3://bucket/2026-11-25.csv", 20782, None)),
        ("minio://bucket/c.csv", None, ResolvedSpan("minio://bucket/c.csv", 0, None)),
    ],
)
def test_spans_are_those_of_tfx(mounted: Path, uri: str, span: int | None, found: ResolvedSpan) -> None:
    write_empty_files(
        mounted, "minio/bucket/span-2/c.csv", "minio/bucket/span-010/c.csv", "minio/bucket/other-99/c.csv"
    )
    write_empty_files(mounted, "minio/bucket/7/v1/a-7.csv", "minio/bucket/7/v2/a-7.csv", "minio/bucket/7/v2/b-7.csv")
    write_empty_files(mounted, "s3/bucket/2025-12-31.csv", "s3/bucket/2026-11-25.csv")
    assert store.resolve_span(uri, span) == found


@pytest.mark.parametrize(
    ("uri", "span", "message"),
    [
        ("minio://bucket/{SPAN}/c.csv", None, r"no file matches 'minio://bucket/\*/c.csv'"),
        ("minio://bucket/c.csv", 3, "span 3 is asked for, but 'minio://bucket/c.csv' has no {SPAN}"),
        ("minio://bucket/{YYYY}/c.csv", None, "has {YYYY}, but a date is all of"),
        ("minio://bucket/span-{SPAN}.csv", None, "'minio://bucket/span-x.csv' has 'x' in the place of {SPAN}"),
    ],
)
def test_what_is_wrong_with_a_span_is_told_of_its_uri(mounted: Path, uri: str, span: int | None, message: str) -> None:
    write_empty_files(mounted, "minio/bucket/span-x.csv")
    with pytest.raises(StoreError, match=message) as error:
        store.resolve_span(uri, span)
    assert str(mounted) not in str(error.value)


def test_a_store_that_cannot_be_listed_says_which_settings_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pattern: str) -> list[str]:
        raise PermissionError(13, "Not allowed by its server, which answers 403", pattern)

    monkeypatch.delenv(store.STORES_VARIABLE, raising=False)
    monkeypatch.setattr("diptych.components.catalogue.spans.list_files", refuse)
    with pytest.raises(StoreError, match=r"cannot list 'minio://b/\{SPAN\}.csv': .* kubeflow.store.endpoint"):
        store.resolve_span("minio://b/{SPAN}.csv", None)


@pytest.fixture
def served(endpoint: Callable[[str], None]) -> Iterator[None]:
    """A store behind an endpoint, as MinIO is, with the bucket "shop"."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint(f"http://{host}:{port}")
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="shop")
    yield
    server.stop()


def test_spans_and_folders_of_a_served_store(served: None) -> None:
    for name in ("1-1/c.csv", "2-1/c.csv", "2-2/c.csv", "2-2/images/a.png"):
        store.write_file(f"minio://shop/cat/{name}", b"content")
    found = store.resolve_span("minio://shop/cat/{SPAN}-{VERSION}/c.csv", None)
    assert found == ResolvedSpan("minio://shop/cat/2-2/c.csv", 2, 2)
    with pytest.raises(StoreError, match=r"no file matches 'minio://shop/\*/d.csv'"):
        store.resolve_span("minio://shop/{SPAN}/d.csv", None)
    assert store.is_folder("minio://shop/cat/2-2/")
    assert not store.is_folder(found.catalogue)
    with store.local_copy("s3://shop/cat/2-2") as folder:
        assert sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.*")) == ["c.csv", "images/a.png"]


def test_folders_go_to_a_served_store_and_come_back(served: None, tmp_path: Path) -> None:
    (tmp_path / "model/variables").mkdir(parents=True)
    (tmp_path / "model/variables/index").write_bytes(b"weights")
    store.upload_folder(str(tmp_path / "model"), "minio://shop/pushed/1")
    assert store.list_names("minio://shop/pushed") == ["1"]
    assert store.list_names("minio://shop/nothing") == []
    assert store.read_file("s3://shop/pushed/1/variables/index") == b"weights"
    store.download_folder("minio://shop/pushed/1", str(tmp_path / "copy"))
    assert (tmp_path / "copy/variables/index").read_bytes() == b"weights"
    with pytest.raises(StoreError, match="cannot read 'minio://shop/absent': there is no such file or folder"):
        store.download_folder("minio://shop/absent", str(tmp_path / "absent"))
