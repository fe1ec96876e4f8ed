"""Folders are listed by their own names, whatever signs of patterns the names hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.models.errors import DatasetError
from diptych.models.tfrecords import list_split_files, match_files


@pytest.mark.parametrize(("name", "matched"), [("run[1]", "run1"), ("a*", "ab"), ("what?", "what1")])
def test_a_folder_s_files_are_its_own(tmp_path: Path, name: str, matched: str) -> None:
    for folder in (name, matched):
        (tmp_path / folder / "Split-train").mkdir(parents=True)
        for number in range(2):
            (tmp_path / folder / "Split-train" / f"data-{number}").write_bytes(b"")
    own = [str(tmp_path / name / "Split-train" / f"data-{number}") for number in range(2)]
    assert list_split_files(str(tmp_path / name), "train") == own
    assert list_split_files(str(tmp_path / name), "val") == []
    assert match_files(own[::-1]) == own[::-1]


def test_patterns_match_in_their_order(tmp_path: Path) -> None:
    for name in ("b-1", "a-2", "a-1"):
        (tmp_path / name).write_bytes(b"")
    assert match_files([f"{tmp_path}/b*", f"{tmp_path}/a-?"]) == [
        f"{tmp_path}/{name}" for name in ("b-1", "a-1", "a-2")
    ]
    with pytest.raises(DatasetError, match="no TFRecord file matches"):
        match_files([f"{tmp_path}/c*"])
