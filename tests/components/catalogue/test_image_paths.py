"""Image paths lead to files as people and tools write them, and never out of their root."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue import image_paths
from diptych.components.catalogue.image_paths import spellings, use_image_file
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.row_files import read_image_file
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.storage import write_stream
from tests.components.catalogue.remote_files import WebServer, bucket_of, put


def read(root: Path | str, path: str, **paths: Any) -> str:
    """The content of the file that a path leads to; files are written with their own names as content."""
    return read_image_file(str(root), path, DataOptions(catalogue="x.csv", paths=paths)).decode()


def problem(root: Path | str, path: str, **paths: Any) -> tuple[str, str]:
    with pytest.raises(RowError) as caught:
        read(root, path, **paths)
    return caught.value.problem


def write(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "root", "images/a b.jpg", "images/7.jpg", "images/8.PNG", "images/caf\u00e9.jpg")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("images/7.jpg", "images/7.jpg"),
        ("images\\7.jpg", "images/7.jpg"),
        (".\\images\\a b.jpg", "images/a b.jpg"),
        ("images/a%20b.jpg", "images/a b.jpg"),
        ("images%2Fa%20b.jpg", "images/a b.jpg"),
        ("images/7.JPG", "images/7.jpg"),
        ("images/8.png", "images/8.PNG"),
        (" images/7.jpg\n", "images/7.jpg"),
        ("images/cafe\u0301.jpg", "images/caf\u00e9.jpg"),
        ("images\\cafe\u0301.JPG", "images/caf\u00e9.jpg"),
        ("images/caf%C3%A9.jpg", "images/caf\u00e9.jpg"),
        ("images/cafe%CC%81.jpg", "images/caf\u00e9.jpg"),
        ("images/7.jpg?width=800&x=a/b.jpg", "images/7.jpg"),
    ],
)
def test_other_spellings_of_a_path_lead_to_its_file(root: Path, path: str, name: str) -> None:
    assert read(root, path) == name


def test_a_decomposed_name_is_found_by_a_composed_path(tmp_path: Path) -> None:
    write(tmp_path, unicodedata.normalize("NFD", "Übung/é.jpg"))
    assert unicodedata.normalize("NFC", read(tmp_path, "Übung/é.jpg")) == "Übung/é.jpg"


@pytest.mark.parametrize(
    "name", ["what?.jpg", "no #1.jpg", "100%.jpg", "a%20b.jpg", "a\\b.jpg", "x.Jpg", " y.jpg", "x.jpg?.jpg"]
)
def test_the_path_as_it_is_written_wins(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "a b.jpg", "a/b.jpg", "x.jpg", "y.jpg")
    assert read(tmp_path, name) == name


def test_spellings_that_lead_to_different_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "a.JPG")
    assert problem(tmp_path, "a.Jpg") == ("ambiguous_path", "'a.Jpg' may be 'a.jpg' and 'a.JPG'")
    (tmp_path / "a.JPG").unlink()
    (tmp_path / "a.JPG").hardlink_to(tmp_path / "a.jpg")
    assert read(tmp_path, "a.Jpg") == "a.jpg"


def test_what_was_tried_is_said(tmp_path: Path) -> None:
    assert problem(tmp_path, "7") == ("missing_file", "there is no file '7'")
    assert problem(tmp_path, "x\\7.jpg") == (
        "missing_file",
        r"there is no file 'x\7.jpg', nor 'x/7.jpg' or 'x\\7.JPG' or 'x/7.JPG'",
    )
    declared = {"endings": [".jpg", ".png"], "replace": {"/data/": "images/"}}
    assert problem(tmp_path, "/data/7", **declared) == (
        "missing_file",
        "there is no file 'images/7', also with .jpg, .png, which data.paths make of '/data/7'",
    )


def test_endings_are_tried_in_their_order(tmp_path: Path) -> None:
    write(tmp_path, "7.png", "7.jpg", "8.png", "9", "10.PNG", "7/x.jpg")
    assert [read(tmp_path, "7", endings=endings) for endings in ([".jpg", ".png"], [".png", ".jpg"])] == [
        "7.jpg",
        "7.png",
    ]
    assert [read(tmp_path, name, endings=[".jpg", ".png"]) for name in ("8", "9", "10", "8.png")] == [
        "8.png",
        "9",
        "10.PNG",
        "8.png",
    ]


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    write(tmp_path, "7/x.jpg")
    assert problem(tmp_path, "7", endings=[".jpg"]) == ("unreadable_file", "'7' cannot be read: Is a directory")


@pytest.mark.parametrize(
    "path",
    [
        "C:\\Users\\me\\7.jpg",
        "/home/me/images/7.jpg",
        "/data/upload/1/7.jpg",
        "/data/local-files/?d=images/7.jpg",
        "/data/local-files/?d=images%2F7.jpg",
        "https://example.org/a/7.jpg",
    ],
)
def test_prefixes_are_replaced(root: Path, path: str) -> None:
    replace = {
        "C:\\Users\\me\\": "images/",
        "/home/me/": "",
        "/data/upload/1/": "images/",
        "/data/": "elsewhere/",
        "/data/local-files/?d=": "",
        "https://example.org/a": "images",
    }
    assert read(root, path, replace=replace) == "images/7.jpg"


def test_an_empty_prefix_stands_before_every_path(root: Path) -> None:
    assert read(root, "7.jpg", replace={"": "images/"}) == "images/7.jpg"


def test_absolute_paths_below_the_root_are_read(root: Path, tmp_path: Path) -> None:
    assert read(root, str(root / "images" / "7.jpg")) == "images/7.jpg"
    link = tmp_path / "link"
    link.symlink_to(root)
    for path in (link / "images/7.jpg", root / "images/7.jpg"):
        assert read(link, str(path)) == "images/7.jpg"
    write(tmp_path, "root2/7.jpg")
    assert problem(root, str(tmp_path / "root2" / "7.jpg"))[0] == "outside_root"
    assert problem(root, f"{root}/../root2/7.jpg")[0] == "outside_root"


@pytest.mark.parametrize("path", ["..\\secret", "%2e%2e/secret", "images\\..\\..\\secret", " ../secret"])
def test_no_spelling_leaves_the_root(root: Path, path: str) -> None:
    write(root.parent, "secret")
    assert problem(root, path)[0] == "missing_file"


@pytest.mark.parametrize("path", ["../secret", "x/secret"])
def test_no_replacement_leaves_the_root(root: Path, path: str) -> None:
    write(root.parent, "secret")
    assert problem(root, path, replace={"x/": "../"})[0] == "outside_root"


def test_a_url_is_refused_with_what_to_do(root: Path) -> None:
    assert problem(root, "https://example.org/7.jpg") == (
        "outside_root",
        "'https://example.org/7.jpg' is a URI of another place; name its folder in data.images_root, or fetch it",
    )


def _is_in_one_form(name: str) -> bool:
    """Whether a name is composed or decomposed: of other names, the other spellings do not tell how they were."""
    return name in (unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\0%?"), min_size=1, max_size=20
).filter(lambda name: name.strip() == name and name.strip("./") and _is_in_one_form(name))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=NAMES)
def test_any_name_is_found_by_its_forms(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    write(folder, f"{name}.jpg")
    forms = {f"{name}.jpg", unicodedata.normalize("NFC", f"{name}.jpg"), quote(f"{name}.jpg"), f" {name}.JPG"}
    for form in forms | {f"x/../{name}.jpg", f".\\{name}.jpg"} if "\\" not in name else forms:
        assert read(folder, form) == f"{name}.jpg"


@given(st.text(max_size=50))
def test_spellings_are_few_and_other_ones(path: str) -> None:
    assert path not in spellings(path)
    assert len(spellings(path)) < 64


def test_a_store_is_asked_for_a_few_spellings_and_never_for_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    with write_stream("memory://images/a b.jpg") as file:
        file.write(b"a b.jpg")
    asked: list[str] = []
    is_file = image_paths.is_file
    monkeypatch.setattr(image_paths, "is_file", lambda uri, fetch: asked.append(uri) or is_file(uri, fetch))
    assert read("memory://images", "a%20b.jpg") == "a b.jpg"
    assert read("memory://images", "memory://images/a%20b.JPG") == "a b.jpg"
    asked.clear()
    assert problem("memory://images", " x\\%20\u00e9.Jpg\\y%20.Jpg ")[0] == "missing_file"
    assert len(asked) == 8


@pytest.mark.parametrize("scheme", ["gs", "s3"])
@pytest.mark.parametrize("name", ["what?.jpg", "no #1.jpg", "100%.jpg", "a%20b.jpg", "[x]*.jpg", "caf\u00e9.jpg"])
def test_a_store_has_files_of_any_name(
    scheme: str, name: str, request: pytest.FixtureRequest, isolated_stores: None
) -> None:
    bucket = bucket_of(scheme, request)
    put(f"{bucket}/images/{name}", name.encode())
    assert read(bucket, f"images/{name}") == name
    assert read(bucket, f"{bucket}/images/{name}") == name
    assert read(bucket, f"images\\{name}") == name


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("what?.jpg", "/images/what%3F.jpg"),
        ("no #1.jpg", "/images/no%20%231.jpg"),
        ("100%.jpg", "/images/100%25.jpg"),
        ("a%20b.jpg", "/images/a%20b.jpg"),
        ("a b.jpg?size=3", "/images/a%20b.jpg"),
        ("x\\7.JPG", "/images/x/7.jpg"),
        ("cafe\u0301.jpg", "/images/caf%C3%A9.jpg"),
    ],
)
def test_a_web_server_has_files_of_any_name(web: WebServer, path: str, served: str, isolated_stores: None) -> None:
    web.files[served] = path.encode()
    assert read(f"{web.root}/images", path) == path
    assert read(f"{web.root}/images", f"{web.root}/images/{path}") == path
    assert sum(web.requests.values()) <= 2 * (1 + 8 + 1)


def test_what_is_done_with_the_file_is_returned(root: Path) -> None:
    data = DataOptions(catalogue="x.csv")
    assert use_image_file(str(root), "images\\7.jpg", data, lambda uri: Path(uri).stat().st_size) == len("images/7.jpg")
