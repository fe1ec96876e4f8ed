"""A path with signs of patterns is reached by a link without any, as long as it is needed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from diptych.models.pattern_signs import TemporaryFolderError, plain_paths


@pytest.mark.parametrize("name", ["run[1]", "a*", "what?", "back\\slash"])
def test_a_path_with_a_sign_gets_a_link_without_one(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "old").write_text("old")
    with plain_paths([str(folder), str(tmp_path)]) as links:
        assert list(links) == [str(folder)]
        link = links[str(folder)]
        assert not set("*?[\\") & set(link)
        assert Path(link, "old").read_text() == "old"
        Path(link, "new").write_text("new")
    assert (folder / "new").read_text() == "new"
    assert (folder / "old").exists()
    assert not os.path.lexists(link)


def test_paths_without_a_sign_and_stores_get_none(tmp_path: Path) -> None:
    with plain_paths([str(tmp_path), "s3://bucket/run[1]"]) as links:
        assert links == {}


def test_a_temporary_folder_with_a_sign_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tmp[1]"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with pytest.raises(TemporaryFolderError, match=r"tmp\[1\].*set TMPDIR"), plain_paths([str(tmp_path / "run[1]")]):
        pass
