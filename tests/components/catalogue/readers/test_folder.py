"""Folders of class folders: every image is a row, and the files beside it hold its text and fields."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.folder import FolderReader
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from diptych.components.catalogue.storage import write_stream
from tests.catalogue_kinds import text_file
from tests.components.catalogue.readers.source_reading import read_source


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def write(folder: Path, files: dict[str, Any]) -> Path:
    """Writes files by path; a value that is neither bytes nor text is written as JSON."""
    root = folder / "catalogue"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes_of(content))
    return root


def _bytes_of(content: Any) -> bytes:
    text = content if isinstance(content, (str, bytes)) else json.dumps(content)
    return text if isinstance(text, bytes) else text.encode()


def rows_of(folder: Path, files: dict[str, Any], **options: Any) -> list[Row]:
    return read_source(FolderReader(), write(folder, files), **options)


def test_class_folder_and_text_beside_an_image_make_a_row(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, {"cat/x.jpg": b"", "cat/x.txt": "A cat,\non a mat.\n"})
    assert row == Row(1, id="cat/x.jpg", image="cat/x.jpg", description="A cat,\non a mat.", labels=("cat",))


def test_json_gives_any_column_and_wins(tmp_path: Path) -> None:
    fields = {"key": 7, "description": "of JSON", "label": "dog", "by": "ann", "part": "val", "image": "other.jpg"}
    files = {"cat/x.jpg": b"", "cat/x.txt": "of text", "cat/x.json": fields}
    (row,) = rows_of(tmp_path, files, columns={"id": "key", "split": "part"}, split_by="by")
    assert row == Row(1, "7", "cat/x.jpg", "of JSON", ("dog",), "ann", "val")


@pytest.mark.parametrize(("class_folder", "labels"), [("top", "animal"), ("leaf", "big"), ("path", "animal/cat/big")])
def test_a_setting_says_which_of_nested_folders_is_the_label(tmp_path: Path, class_folder: str, labels: str) -> None:
    files = {"animal/cat/big/x.jpg": b"", "car/y.jpg": b"", "z.jpg": b""}
    found = rows_of(tmp_path, files, class_folder=class_folder)
    assert {row.image: row.labels for row in found} == {
        "animal/cat/big/x.jpg": (labels,),
        "car/y.jpg": ("car",),
        "z.jpg": (),
    }


def test_one_hot_columns_stand_in_json(tmp_path: Path) -> None:
    files = {"a/x.jpg": b"", "a/x.json": {"cat": 1, "dog": 0}, "a/y.jpg": b""}
    found = rows_of(tmp_path, files, columns={"label": ["cat", "dog"]})
    assert [(row.labels, row.problem) for row in found] == [(("cat",), None), ((), None)]


def test_a_catalogue_without_texts_needs_no_text_files(tmp_path: Path) -> None:
    files = {"cat/x.jpg": b"", "cat/x.txt": b"\xff\xfe"}
    (row,) = rows_of(tmp_path, files, columns={"description": None})
    assert (row.labels, row.description, row.problem) == (("cat",), "", None)


def test_null_in_json_says_nothing(tmp_path: Path) -> None:
    fields = {"description": None, "label": None}
    (row,) = rows_of(tmp_path, {"cat/x.jpg": b"", "cat/x.txt": "a text", "cat/x.json": fields})
    assert (row.description, row.labels) == ("a text", ("cat",))


def test_first_folder_is_the_label_however_deep_the_image_lies(tmp_path: Path) -> None:
    found = rows_of(tmp_path, {"cat/a/b/x.jpg": b"", "cat/y.jpg": b"", "dog/z.jpg": b""})
    assert [(row.image, *row.labels) for row in found] == [
        ("cat/y.jpg", "cat"),
        ("cat/a/b/x.jpg", "cat"),
        ("dog/z.jpg", "dog"),
    ]


def test_image_in_the_root_has_the_label_of_its_json_or_none(tmp_path: Path) -> None:
    found = rows_of(tmp_path, {"x.jpg": b"", "x.txt": "t", "y.jpg": b"", "y.json": {"label": "dog"}})
    assert [row.labels for row in found] == [(), ("dog",)]


def test_images_of_one_name_share_their_texts(tmp_path: Path) -> None:
    found = rows_of(tmp_path, {"cat/x.jpg": b"", "cat/x.png": b"", "cat/x.txt": "both"})
    assert [(row.image, row.description) for row in found] == [("cat/x.jpg", "both"), ("cat/x.png", "both")]


def test_image_without_a_text_is_a_row(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, {"cat/x.jpg": b""})
    assert (row.image, row.description, row.problem) == ("cat/x.jpg", "", None)


@pytest.mark.parametrize("name", ["cat/x.txt", "cat/x.json", "x.TXT"])
def test_text_without_an_image_is_a_row_with_a_problem(tmp_path: Path, name: str) -> None:
    (row,) = rows_of(tmp_path, {name: "{}"})
    assert (row.id, row.problem) == (name, ("missing_file", f"no image lies beside '{name}'"))


@pytest.mark.parametrize(
    "name", ["README.txt", "train/LICENSE.txt", "license_agreement.txt", "classes.txt", "dataset_info.json"]
)
def test_files_about_the_whole_catalogue_are_no_rows(tmp_path: Path, name: str) -> None:
    assert [row.image for row in rows_of(tmp_path, {"cat/a.png": "", name: "three cats"})] == ["cat/a.png"]


def test_hidden_and_unrelated_files_are_no_rows(tmp_path: Path) -> None:
    names = ["cat/.x.jpg", "cat/._x.txt", ".git/x.jpg", "cat/Thumbs.db", "cat/x.mp4", "cat/jpg", "desktop.ini"]
    assert [row.image for row in rows_of(tmp_path, dict.fromkeys([*names, "cat/y.jpg"], b""))] == ["cat/y.jpg"]


@pytest.mark.parametrize(
    "ending", ["jpg", "JPEG", "jpe", "jfif", "Png", "webp", "gif", "bmp", "tif", "TIFF", "avif", "heic"]
)
def test_endings_of_images_and_texts_may_be_capital(tmp_path: Path, ending: str) -> None:
    (row,) = rows_of(tmp_path, {f"cat/x.{ending}": b"", "cat/x.TXT": "t"})
    assert (row.image, row.description) == (f"cat/x.{ending}", "t")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("x.txt", b"caf\xe9", ("bad_encoding", "'cat/x.txt' is not valid utf-8")),
        ("x.json", b"caf\xe9", ("bad_encoding", "'cat/x.json' is not valid UTF-8")),
        ("x.json", b"{", ("malformed_row", "'cat/x.json': not JSON")),
        ("x.json", b"", ("malformed_row", "'cat/x.json': not JSON")),
        ("x.json", b"[" * 100_000, ("malformed_row", "'cat/x.json': not readable JSON")),
        ("x.json", b"[{}]", ("malformed_row", "'cat/x.json': a JSON list")),
        ("x.json", b'{"description": ["a", "b"]}', ("malformed_row", "column 'description' holds a list")),
        ("x.json", b'{"label": "\\ud800"}', ("bad_encoding", "column 'label' is not valid UTF-8")),
        ("x.txt", b"x" * 2000, ("too_large", "'cat/x.txt' holds more than 0.001 MB")),
    ],
)
def test_unusable_text_is_the_problem_of_its_row_alone(
    tmp_path: Path, name: str, content: bytes, problem: tuple[str, str]
) -> None:
    files = {"cat/w.jpg": b"", "cat/x.jpg": b"", f"cat/{name}": content, "cat/y.jpg": b""}
    first, second, third = rows_of(tmp_path, files, limits={"file_mb": 0.001 if len(content) < 9999 else 1})
    assert (first.problem, third.problem) == (None, None)
    assert second.problem is not None
    assert (second.id, second.image, second.problem[0]) == ("cat/x.jpg", "cat/x.jpg", problem[0])
    assert second.problem[1].startswith(problem[1])


def test_texts_may_be_in_a_declared_encoding(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, {"cat/x.jpg": b"", "cat/x.txt": "café".encode("latin-1")}, encoding="latin-1")
    assert row.description == "café"


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    files = {"cat/x.jpg": b"", "cat/x.txt": "\ufefftext", "cat/x.json": '\ufeff{"label": "dog"}'}
    (row,) = rows_of(tmp_path, files)
    assert (row.description, row.labels) == ("text", ("dog",))


@pytest.mark.parametrize("path", [b"cat/caf\xe9.jpg", b"c\xe9t/x.jpg"])
def test_names_that_are_no_utf8_are_the_problem_of_their_row(tmp_path: Path, path: bytes) -> None:
    root = write(tmp_path, {"dog/y.jpg": b""})
    odd = os.path.join(os.fsencode(root), path)
    os.makedirs(os.path.dirname(odd), exist_ok=True)
    for name in (odd, odd[:-4] + b".json"):
        Path(os.fsdecode(name)).write_bytes(b"nothing")
    found = [row for row in read_source(FolderReader(), root) if row.image != "dog/y.jpg"]
    (problem,) = (row.problem for row in found)
    assert problem is not None and problem[0] == "bad_encoding"
    assert found[0].id == path.decode(errors="replace").replace("\ufffd", "?")
    assert all(text.encode() for text in (found[0].id, found[0].image, *problem))


def test_texts_are_not_read_through_links_that_lead_out(tmp_path: Path) -> None:
    root = write(tmp_path, {"cat/x.jpg": b""})
    (tmp_path / "secret").write_text("secret")
    (root / "cat/x.txt").symlink_to(tmp_path / "secret")
    (row,) = read_source(FolderReader(), root)
    assert (row.description, row.problem and row.problem[0]) == ("", "outside_root")


def test_links_to_images_are_rows_of_which_the_image_is_judged_later(tmp_path: Path) -> None:
    root = write(tmp_path, {"cat/x.jpg": b""})
    for name, target in {"out": tmp_path / "secret", "broken": root / "none", "loop": root / "cat/loop.jpg"}.items():
        (root / f"cat/{name}.jpg").symlink_to(target)
    names = [row.image for row in read_source(FolderReader(), root)]
    assert names == ["cat/broken.jpg", "cat/loop.jpg", "cat/out.jpg", "cat/x.jpg"]


def test_link_to_a_folder_outside_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, {"cat/x.jpg": b""})
    (tmp_path / "elsewhere").mkdir()
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CatalogueError, match="dog' is a link that leads out.*put the folder itself there"):
        read_source(FolderReader(), root)


def test_link_to_a_folder_inside_doubles_no_row(tmp_path: Path) -> None:
    root = write(tmp_path, {"cat/x.jpg": b""})
    (root / "latest").symlink_to(root / "cat")
    (root / "cat" / "round").symlink_to(root)
    assert [row.image for row in read_source(FolderReader(), root)] == ["cat/x.jpg"]


@pytest.mark.parametrize("made", [False, True])
def test_what_is_no_folder_is_refused(tmp_path: Path, made: bool) -> None:
    path = tmp_path / "none"
    if made:
        path.write_text("")
    with pytest.raises(CatalogueError, match="none"):
        read_source(FolderReader(), path)


def test_folder_in_a_store_gives_the_rows_of_a_local_one(tmp_path: Path) -> None:
    files = {
        "x.jpg": b"",
        "a/b/y.jpg": b"",
        "a/b.jpg": b"",
        "a/b.txt": "text",
        "a/b/y.json": {"description": "fields"},
        "a-b/.z.jpg": b"",
        ".a/z.jpg": b"",
        "a-b/z.jpg": b"",
        "a/c.txt": "alone",
    }
    uri = f"memory://{tmp_path.name}/catalogue"
    for name, content in files.items():
        with write_stream(f"{uri}/{name}") as file:
            file.write(_bytes_of(content))
    data = DataOptions(catalogue=uri)
    chunks = FolderReader().cut(uri, 0, data, f"memory://{tmp_path.name}/spool")
    assert [row for chunk in chunks for row in FolderReader().read(chunk, data)] == rows_of(tmp_path, files)


_NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=20)
_STEMS = _NAMES.filter(lambda name: not name.startswith("."))
_TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=50)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(images=st.dictionaries(st.tuples(_STEMS, _STEMS), _TEXTS, max_size=8))
def test_any_names_and_texts_are_read_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, images: dict[tuple[str, str], str]
) -> None:
    files: dict[str, Any] = {}
    for (label, stem), text in images.items():
        files |= {f"{label}/{stem}.jpg": b"", f"{label}/{stem}.txt": text_file(text)}
    folder = tmp_path_factory.mktemp("any")
    (folder / "catalogue").mkdir()
    found = {row.image: ("".join(row.labels), row.description) for row in rows_of(folder, files)}
    assert found == {f"{label}/{stem}.jpg": (label.strip(), text) for (label, stem), text in images.items()}
