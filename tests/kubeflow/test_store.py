"""URIs: where they are mirrored, and reading and writing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubeflow import store
from kubeflow.store import StoreError


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://bucket/a/b", "/minio/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
    ],
)
def test_mirrors_are_where_kfps_launcher_makes_them(uri: str, path: str) -> None:
    assert store.mirror(uri, "/") == path
    assert store.mirror(uri, "/elsewhere") == f"/elsewhere{path}"


@pytest.mark.parametrize("uri", ["oci://registry/model", "https://host/file", "hdfs://x/y"])
def test_an_unknown_scheme_is_refused_with_those_that_are_known(uri: str) -> None:
    with pytest.raises(StoreError, match=r"unknown scheme .*minio://, s3://, gs://"):
        store.parse(uri)


def test_no_uri_leaves_its_bucket() -> None:
    with pytest.raises(StoreError, match="leaves its bucket"):
        store.read("minio://bucket/../../etc/passwd")


def test_a_path_is_no_artifact_uri() -> None:
    assert store.parse("/data/catalogue.csv") is None
    with pytest.raises(StoreError, match="no URI of an object store"):
        store.mirror("/data/x", "/")


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(store.STORES_VARIABLE, str(tmp_path))
    return tmp_path


def test_what_is_written_is_read_and_listed(mounted: Path) -> None:
    store.write("minio://bucket/runs/1/note.json", b"{}")
    assert (mounted / "minio/bucket/runs/1/note.json").read_bytes() == b"{}"
    assert store.read("minio://bucket/runs/1/note.json") == b"{}"
    assert store.names("minio://bucket/runs") == ["1"]
    assert store.names("minio://bucket/nothing") == []


def test_folders_go_up_and_come_down(mounted: Path, tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "variables").mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"graph")
    (source / "variables" / "index").write_bytes(b"weights")
    store.upload(str(source), "s3://bucket/pushed/1")
    store.download("s3://bucket/pushed/1", str(tmp_path / "copy"))
    assert (tmp_path / "copy/saved_model.pb").read_bytes() == b"graph"
    assert (tmp_path / "copy/variables/index").read_bytes() == b"weights"


def test_a_folder_without_folders_comes_down_too(mounted: Path, tmp_path: Path) -> None:
    store.write("s3://bucket/accepted/1/FeatureStats.pb", b"statistics")
    store.download("s3://bucket/accepted/1", str(tmp_path / "new" / "1"))
    assert (tmp_path / "new/1/FeatureStats.pb").read_bytes() == b"statistics"


def test_a_mounted_folder_is_not_copied(mounted: Path) -> None:
    with store.local_copy("gs://bucket/catalogue") as folder:
        assert folder == str(mounted / "gs/bucket/catalogue")


def test_what_is_missing_is_named(mounted: Path) -> None:
    with pytest.raises(StoreError, match="cannot read 'minio://bucket/absent': there is no such file"):
        store.read("minio://bucket/absent")


def test_an_unreachable_store_says_which_settings_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(store.STORES_VARIABLE, raising=False)
    monkeypatch.setenv(store.ENDPOINT_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(StoreError, match="kubeflow.store.endpoint") as error:
        store.read("minio://bucket/file")
    assert "secret'" not in str(error.value)


def test_spans(mounted: Path) -> None:
    for span in ("span-2", "span-010", "span-x", "other-99"):
        (mounted / "minio/bucket" / span).mkdir(parents=True)
    uri = "minio://bucket/span-{SPAN}/catalogue.csv"
    assert store.resolve_span(uri, None) == ("minio://bucket/span-010/catalogue.csv", 10)
    assert store.resolve_span(uri, 2) == ("minio://bucket/span-2/catalogue.csv", 2)
    assert store.resolve_span("minio://bucket/catalogue.csv", None) == ("minio://bucket/catalogue.csv", 0)
    with pytest.raises(StoreError, match="no span lies at"):
        store.resolve_span("minio://bucket/{SPAN}/catalogue.csv", None)
    with pytest.raises(StoreError, match="has no {SPAN}"):
        store.resolve_span("minio://bucket/catalogue.csv", 3)
