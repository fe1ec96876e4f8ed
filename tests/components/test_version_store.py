"""Versions are added on this machine and in stores; each gets a number of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from diptych.components.catalogue.transfer import list_names, read_whole, write_whole
from diptych.components.version_store import add_version, claim_number, list_versions

FILES = {"content": b"content", "last": b"last"}


@pytest.fixture(params=["local", "memory"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        yield str(tmp_path / "pushed")
        return
    import fsspec

    yield "memory://shop/pushed"
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def fill(folder: str) -> None:
    for name, content in FILES.items():
        Path(folder, name).write_bytes(content)


def test_a_version_is_added_and_is_the_latest(directory: str) -> None:
    assert list_versions(directory) == []
    before = int(time.time())
    first = add_version(directory, fill, last="last")
    assert before <= int(first.rpartition("/")[2]) <= time.time()
    write_whole(f"{directory}/9999999999/content", b"")
    second = add_version(directory, fill, last="last")
    assert second == f"{directory}/10000000000"
    assert list_versions(directory) == [second, f"{directory}/9999999999", first]
    assert {name: read_whole(f"{second}/{name}") for name in list_names(second)} == FILES


def test_numbers_grow_from_the_least_that_is_asked_for(directory: str) -> None:
    assert claim_number(directory, 7) == "7"
    write_whole(f"{directory}/9/content", b"")
    assert claim_number(directory, 7) == "10"
    # Nothing has been added under 10, and nobody else may.
    assert claim_number(directory, 7) == "11"


def test_nobody_gets_the_number_of_another(tmp_path: Path) -> None:
    with ThreadPoolExecutor(10) as threads:
        numbers = list(threads.map(lambda _: claim_number(str(tmp_path), 7), range(40)))
    assert len(set(numbers)) == 40


def test_who_sees_another_claim_leaves_the_number(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have listed before either has written."""

    def write_too(uri: str, content: bytes) -> None:
        write_whole(uri, content)
        if uri.rpartition("/")[2].startswith("7-"):
            write_whole(f"{directory}/.claims/7-another", b"")

    monkeypatch.setattr("diptych.components.catalogue.transfer.write_whole", write_too)
    assert int(claim_number(directory, 7)) > 7
