"""Whole files and folders go to stores and come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from diptych.components.catalogue import transfer
from diptych.components.catalogue.storage import FetchError, write_stream
from diptych.components.catalogue.transfer import copy_folder, list_names, local_copy, read_whole, write_whole
from tests.components.catalogue.remote_files import CONTENT, QUICK, bucket_of, put

pytestmark = pytest.mark.usefixtures("isolated_stores")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder of two files, one of them in a folder."""
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "index #1").write_bytes(CONTENT)
    return folder


@pytest.fixture(params=["s3", "minio", "gs", "memory", "local"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder that can be written to, in a store or of this machine."""
    return str(tmp_path / "root") if request.param == "local" else bucket_of(request.param, request)


def test_whole_files_are_written_read_and_listed(root: str) -> None:
    write_whole(f"{root}/runs/1/note.json", b"{}")
    write_whole(f"{root}/runs/1/note.json", CONTENT)
    write_whole(f"{root}/runs/2", b"")
    assert read_whole(f"{root}/runs/1/note.json", QUICK) == CONTENT
    assert read_whole(f"{root}/runs/2", QUICK) == b""
    assert list_names(f"{root}/runs", QUICK) == ["1", "2"]
    assert list_names(f"{root}/runs/", QUICK) == ["1", "2"]
    assert list_names(root, QUICK) == ["runs"]
    assert list_names(f"{root}/nothing", QUICK) == []
    assert list_names(f"{root}/runs/2", QUICK) == []


def test_names_are_not_patterns(root: str) -> None:
    write_whole(f"{root}/[ab]/x", b"")
    write_whole(f"{root}/a/y", b"")
    assert list_names(f"{root}/[ab]", QUICK) == ["x"]


def test_folders_go_up_and_come_down(root: str, model: Path, tmp_path: Path) -> None:
    copy_folder(str(model), f"{root}/pushed/1", QUICK)
    write_whole(f"{root}/pushed/10/other", b"other")
    copy_folder(f"{root}/pushed/1/", str(tmp_path / "copy"), QUICK)
    found = {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert found == {"saved_model.pb", "variables/index #1"}
    assert (tmp_path / "copy" / "variables" / "index #1").read_bytes() == CONTENT


def test_a_copy_leaves_what_else_is_in_the_target(root: str, model: Path) -> None:
    write_whole(f"{root}/pushed/card.json", b"card")
    write_whole(f"{root}/pushed/saved_model.pb", b"older")
    copy_folder(str(model), f"{root}/pushed", QUICK)
    assert list_names(f"{root}/pushed", QUICK) == ["card.json", "saved_model.pb", "variables"]
    assert read_whole(f"{root}/pushed/saved_model.pb", QUICK) == b"graph"


def test_who_finds_the_last_file_finds_the_whole_folder(
    root: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []

    @contextmanager
    def failing_stream(uri: str) -> Iterator[BinaryIO]:
        copied.append(uri)
        if "index" in uri:
            raise OSError("the store is full")
        with write_stream(uri) as file:
            yield file

    monkeypatch.setattr(transfer, "write_stream", failing_stream)
    with pytest.raises(OSError, match="the store is full"):
        copy_folder(str(model), f"{root}/pushed", QUICK, last="saved_model.pb")
    assert list_names(f"{root}/pushed", QUICK) == []
    copied.clear()
    monkeypatch.setattr(transfer, "write_stream", lambda uri: copied.append(uri) or write_stream(uri))
    copy_folder(str(model), f"{root}/pushed", QUICK, last="saved_model.pb")
    assert [name.rpartition("/")[2] for name in copied] == ["index #1", "saved_model.pb"]


def test_what_is_missing_or_no_folder_is_not_copied(root: str, tmp_path: Path) -> None:
    write_whole(f"{root}/file", b"x")
    with pytest.raises(FileNotFoundError, match="no folder '.*absent'"):
        copy_folder(f"{root}/absent", str(tmp_path / "copy"), QUICK)
    with pytest.raises(NotADirectoryError):
        copy_folder(f"{root}/file", str(tmp_path / "copy"), QUICK)
    assert not (tmp_path / "copy").exists()


def test_a_local_copy_of_a_store_ends_with_its_block(bucket: str) -> None:
    put(f"{bucket}/catalogue/images/a.png", CONTENT)
    with local_copy(f"{bucket}/catalogue", QUICK) as folder:
        assert (Path(folder) / "images" / "a.png").read_bytes() == CONTENT
    assert not Path(folder).exists()


def test_a_local_folder_is_its_own_copy(model: Path) -> None:
    with local_copy(str(model)) as folder:
        assert folder == str(model)
    assert model.exists()


def test_markers_of_folders_are_no_files(s3: str, tmp_path: Path) -> None:
    import fsspec

    put(f"{s3}/data/a", b"a")
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.call_s3("put_object", Bucket="shop", Key="data/", Body=b"")
    files.call_s3("put_object", Bucket="shop", Key="data/inner/", Body=b"")
    assert list_names(f"{s3}/data", QUICK) == ["a", "inner"]
    copy_folder(f"{s3}/data", str(tmp_path / "copy"), QUICK)
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["a"]


def test_a_key_that_leads_out_of_the_target_is_refused(s3: str, tmp_path: Path) -> None:
    import fsspec

    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.call_s3("put_object", Bucket="shop", Key="data/../../outside", Body=b"")
    with pytest.raises(FetchError, match="leads out of the folder"):
        copy_folder(f"{s3}/data", str(tmp_path / "deep" / "copy"), QUICK)
    assert not (tmp_path / "outside").exists()
