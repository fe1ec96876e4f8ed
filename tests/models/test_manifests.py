"""Whatever happens to a file of an artifact, its manifest tells, and tells of no other file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.models.errors import DatasetError
from diptych.models.manifests import (
    FileRecord,
    Manifest,
    describe_damage,
    find_damage,
    manifest_path,
    read_manifest,
    write_manifest,
)

FILES = {"a.tfrecord": b"records", "Split-train/b": b"more records", "Split-train/deep/c": b"", ".hidden": b"x"}


def write_files(folder: Path, files: Mapping[str, bytes] = FILES) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return str(folder)


def test_each_file_is_recorded_beside_the_folder_and_not_in_it(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "1")
    write_manifest(folder)
    manifest = read_manifest(folder)
    assert manifest == Manifest({k: FileRecord(len(v), hashlib.sha256(v).hexdigest()) for k, v in FILES.items()})
    assert manifest.size == sum(map(len, FILES.values()))
    assert sorted(os.listdir(tmp_path)) == ["1", "1.manifest.json"]
    assert find_damage(folder) == []


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 100
)


@given(files=st.dictionaries(names, st.binary(min_size=1, max_size=50), min_size=1, max_size=5), data=st.data())
@settings(max_examples=60, deadline=None)
@pytest.mark.promise("Whatever one byte, length or name of an artifact changes, its manifest names that file")
def test_one_change_is_found_and_named(files: dict[str, bytes], data: st.DataObject) -> None:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)

    def truncate(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: data.draw(st.integers(0, path.stat().st_size - 1))])

    changes: list[Callable[[Path], None]] = [
        flip,
        truncate,
        Path.unlink,
        lambda p: p.write_bytes(p.read_bytes() + b"y"),
    ]
    with tempfile.TemporaryDirectory() as root:
        folder = write_files(Path(root, "1"), files)
        write_manifest(folder)
        assert find_damage(folder) == []
        changed = Path(folder, data.draw(st.sampled_from(sorted(files))))
        data.draw(st.sampled_from(changes))(changed)
        assert [damage.path for damage in find_damage(folder)] == [str(changed)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b""), "is empty: 7 bytes are lost"),
        (lambda path: path.write_bytes(b"rec"), "has 3 bytes, not 7"),
        (lambda path: path.write_bytes(b"rEcords"), "does not hold what its step wrote"),
        (lambda path: (path.unlink(), path.mkdir(), (path / "x").write_bytes(b"")), "has "),
    ],
    ids=["deleted", "emptied", "truncated", "flipped", "a folder in its place"],
)
def test_a_sentence_says_what_is_wrong(tmp_path: Path, change: Callable[[Path], None], said: str) -> None:
    folder = write_files(tmp_path / "1")
    write_manifest(folder)
    change(tmp_path / "1" / "a.tfrecord")
    assert str(find_damage(folder)[0]).startswith(f"'{folder}/a.tfrecord' {said}")


def test_of_several_files_the_first_is_named_and_all_are_counted(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "1")
    write_manifest(folder)
    for name in ("a.tfrecord", "Split-train/b"):
        (tmp_path / "1" / name).unlink()
    assert describe_damage(find_damage(folder)) == f"'{folder}/Split-train/b' is missing (damaged files in all: 2)"


def test_a_file_that_was_added_is_damage_because_patterns_would_match_it(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "1")
    write_manifest(folder)
    (tmp_path / "1" / "Split-train" / "z.tfrecord").write_bytes(b"")
    assert list(map(str, find_damage(folder))) == [f"'{folder}/Split-train/z.tfrecord' was not written by its step"]


def test_a_folder_that_is_gone_is_one_damage(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "1")
    write_manifest(folder)
    shutil.rmtree(folder)
    assert list(map(str, find_damage(folder))) == [f"'{folder}' is missing"]


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"a": 1}', '{"a": ["x", "y"]}', "null"])
def test_without_a_whole_manifest_nothing_is_said_to_be_whole(tmp_path: Path, content: str | None) -> None:
    folder = write_files(tmp_path / "1")
    if content is not None:
        Path(manifest_path(folder)).write_text(content)
    assert list(map(str, find_damage(folder))) == [f"'{folder}' cannot be checked: it has no whole manifest"]


def test_json_is_read_back(tmp_path: Path) -> None:
    manifest = Manifest.of_folder(write_files(tmp_path / "1"))
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert Manifest.from_json(Manifest({}).to_json()) == Manifest({})
    with pytest.raises(DatasetError, match="no manifest"):
        Manifest.from_json(manifest.to_json()[:-5])
