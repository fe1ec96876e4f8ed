"""A container's file system in a folder, and object stores, mounted or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from diptych.kubeflow.container import store
from diptych.kubeflow.container.task import ROOT_VARIABLE


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of the container's file system; no stores are mounted."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    monkeypatch.delenv(store.STORES_VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def stores(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of mounted stores."""
    monkeypatch.setenv(store.STORES_VARIABLE, str(root / "stores"))
    return root / "stores"


@pytest.fixture
def copied_stores(stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of stores whose folders are copied to be read, as those of a served store are."""

    @contextmanager
    def local_copy(uri: str) -> Iterator[str]:
        with TemporaryDirectory() as scratch:
            store.download_folder(uri, scratch)
            yield scratch

    monkeypatch.setattr(store, "local_copy", local_copy)
    return stores
