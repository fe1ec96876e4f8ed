"""What init finds out about image paths by the files that lie there."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.image_paths import use_image_file
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.reasons import RowError
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence
from diptych.pipeline.prepare.proposals.image_index import ImageIndex
from diptych.pipeline.prepare.proposals.paths import propose_paths
from tests.pipeline.prepare.proposals.evidence import evidence_of as evidence_of_catalogue
from tests.pipeline.prepare.proposals.evidence import write_rows


def make_files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def evidence_of(folder: Path, rows: Sequence[dict[str, Any]]) -> Evidence:
    """The evidence of rows, each of which gets a label and a text."""
    return evidence_of_catalogue(write_rows(folder, ({"label": "c", "description": "t", **row} for row in rows)))


def decided(evidence: Evidence) -> dict[str, Any]:
    """What is decided, once each; the same when asked again."""
    decisions = propose_paths(evidence)
    assert decisions == propose_paths(evidence)
    assert all(decision.reason for decision in decisions)
    return {decision.key.removeprefix("data."): decision.value for decision in decisions}


def files_of(evidence: Evidence) -> list[str]:
    """The file of each row by the decisions, as ingestion finds it; files hold their own names."""
    catalogue = evidence.decided(propose_paths(evidence)).catalogue
    return [
        use_image_file(catalogue.images_root(source), row.image, catalogue.data, lambda uri: Path(uri).read_text())
        for source, row in catalogue.rows()
    ]


def test_nothing_is_decided_where_images_are_found(tmp_path: Path) -> None:
    make_files(tmp_path, "a.jpg", "images/a.jpg")
    assert decided(evidence_of(tmp_path, [{"image": "a.jpg"}, {"image": "gone.jpg"}])) == {}


def test_nothing_is_decided_where_nothing_is_found(tmp_path: Path) -> None:
    assert decided(evidence_of(tmp_path, [{"image": "a.jpg"}, {"other": "7"}])) == {}


def test_a_folder_of_images_is_found_at_any_depth(tmp_path: Path) -> None:
    make_files(tmp_path, *(f"data/images/x/{number}.jpg" for number in range(5)), "others/1.jpg")
    evidence = evidence_of(tmp_path, [{"image": f"x/{number}.jpg"} for number in range(5)])
    assert decided(evidence) == {"images_root": str(tmp_path / "data" / "images")}
    assert files_of(evidence)[1] == "data/images/x/1.jpg"


def test_images_beside_the_catalogues_folder_are_found(tmp_path: Path) -> None:
    make_files(tmp_path, "images/1.jpg", "secret/1.jpg", "annotations/rows.txt")
    evidence = evidence_of(tmp_path / "annotations", [{"image": "1.jpg"}])
    assert decided(evidence) == {"images_root": str(tmp_path / "images")}


@pytest.mark.parametrize(
    ("written", "replace"),
    [
        ("C:\\Users\\me\\set\\images\\{}.jpg", {"C:\\Users\\me\\set\\": ""}),
        ("/home/me/set/images/{}.jpg", {"/home/me/set/": ""}),
        ("/data/upload/1/{}.jpg", {"/data/upload/1/": "images/"}),
        ("/data/local-files/?d=images/{}.jpg", {"/data/local-files/?d=": ""}),
        ("/data/local-files/?d=images%2F{}.jpg", {"/data/local-files/?d=": ""}),
        ("https://shop.example/media/{}.jpg", {"https://shop.example/media/": "images/"}),
        ("../images/{}.jpg", {"../": ""}),
        ("/images/{}.JPG", {"/": ""}),
    ],
)
def test_prefixes_of_other_places_are_replaced(tmp_path: Path, written: str, replace: dict[str, str]) -> None:
    make_files(tmp_path, *(f"images/p {number}.jpg" for number in range(4)))
    rows = [{"image": written.format(f"p%20{number}" if "%" in written else f"p {number}")} for number in range(4)]
    evidence = evidence_of(tmp_path, rows)
    assert decided(evidence) == {"paths.replace": replace}
    assert files_of(evidence) == [f"images/p {number}.jpg" for number in range(4)]


def test_several_prefixes_are_replaced(tmp_path: Path) -> None:
    make_files(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpg")
    rows = [{"image": f"/data/upload/{project}/{name}.jpg"} for project, name in ((1, "a"), (1, "b"), (2, "c"))]
    replace = {"/data/upload/1/": "images/", "/data/upload/2/": "images/"}
    assert decided(evidence_of(tmp_path, rows)) == {"paths.replace": replace}


def test_a_name_that_several_folders_have_is_not_guessed(tmp_path: Path) -> None:
    make_files(tmp_path, "a/1.jpg", "b/1.jpg", "a/2.jpg", "b/2.jpg")
    assert decided(evidence_of(tmp_path, [{"image": "1.jpg"}, {"image": "2.jpg"}])) == {}
    assert decided(evidence_of(tmp_path, [{"key": "1"}, {"key": "2"}])) == {}


def test_of_several_folders_that_of_images_is_taken(tmp_path: Path) -> None:
    make_files(tmp_path, "x/Images/1.png", "x/masks/1.png", "x/Images/2.png", "x/masks/2.png")
    assert decided(evidence_of(tmp_path, [{"image": "1.png"}, {"image": "2.png"}])) == {
        "images_root": str(tmp_path / "x" / "Images")
    }
    assert decided(evidence_of(tmp_path, [{"key": "1"}, {"key": "2"}])) == {"columns.image": "x/Images/{key}.png"}


def test_a_column_that_names_the_folder_tells_them_apart(tmp_path: Path) -> None:
    make_files(tmp_path, "img/train/1.jpg", "img/test/1.jpg", "img/train/2.jpg")
    rows = [
        {"image": "1.jpg", "part": "train"},
        {"image": "1.jpg", "part": "test"},
        {"image": "2.jpg", "part": "train"},
    ]
    evidence = evidence_of(tmp_path, rows)
    assert decided(evidence) == {"columns.image": "img/{part}/{image}"}
    assert files_of(evidence) == ["img/train/1.jpg", "img/test/1.jpg", "img/train/2.jpg"]


@pytest.mark.parametrize(
    ("files", "ids", "image"),
    [
        ("images/{}.jpg", [7, 8, 9], "images/{key}.jpg"),
        ("images/{}.jpg", [7.0, 8.0, None], "images/{key}.jpg"),
        ("images/{}.jpg", ["7.0", "8.0", "9.0"], "images/{key:d}.jpg"),
        ("images/{:06d}.jpg", [7, 8, 123456], "images/{key:06d}.jpg"),
        ("images/{}.png", ["000000000007", "000000000008"], "images/{key}.png"),
        ("{}.webp", ["a1", "b2", "c3"], "{key}.webp"),
        ("images/img_{}.jpg", [7, 8, 9], "images/img_{key}.jpg"),
        ("IMG_{:04d}.JPG", [7, 8, 9], "IMG_{key:04d}.JPG"),
        ("images/{}-front.jpg", ["a", "b", "c"], "images/{key}-front.jpg"),
        ("no {:03d} of 9.jpg", [1, 20, 300], "no {key:03d} of 9.jpg"),
        ("images/{}.jpg", ["cats/x", "dogs/y"], "images/{key}.jpg"),
        ("{}.jpg", ["a.b", "a.c"], "{key}.jpg"),
    ],
)
def test_a_template_is_found_for_rows_that_name_no_file(tmp_path: Path, files: str, ids: list[Any], image: str) -> None:
    names = [files.format(int(float(key)) if "{:" not in image and ".0" in str(key) else key) for key in ids if key]
    if ":0" in files:
        names = [files.format(int(key)) for key in ids]
    make_files(tmp_path, *names, "logo.gif")
    evidence = evidence_of(tmp_path, [{"index": place, "key": key} for place, key in enumerate(ids)])
    assert decided(evidence) == {"columns.image": image}


def test_columns_in_folders_and_the_count_are_told(tmp_path: Path) -> None:
    rows = [{"sku": f"s{number}", "kind": "ab"[number % 2]} for number in range(10)]
    make_files(tmp_path, *(f"pics/{row['kind']}/{row['sku']}.png" for row in rows[:8]))
    (decision,) = propose_paths(evidence_of(tmp_path, rows))
    assert decision == Decision(
        "data.columns.image",
        "pics/{kind}/{sku}.png",
        "the paths that this makes of the rows; 8 of 10 sampled rows have that file",
        [],
    )


def test_endings_that_differ_are_tried_by_their_frequency(tmp_path: Path) -> None:
    make_files(tmp_path, "images/1.png", "images/2.jpg", "images/3.png", "images/4.PNG")
    evidence = evidence_of(tmp_path, [{"key": number} for number in range(1, 5)])
    assert decided(evidence) == {"columns.image": "images/{key}", "paths.endings": [".png", ".jpg"]}
    assert files_of(evidence) == ["images/1.png", "images/2.jpg", "images/3.png", "images/4.PNG"]


def test_numbers_that_few_rows_share_are_no_names_of_files(tmp_path: Path) -> None:
    make_files(tmp_path, "0.jpg", "1.jpg", *(f"images/x{number}.jpg" for number in range(20)))
    rows = [{"class": number % 2, "key": f"x{number}"} for number in range(20)]
    assert decided(evidence_of(tmp_path, rows)) == {"columns.image": "images/{key}.jpg"}


@pytest.mark.parametrize(
    ("first", "other"), [("index", "product_id"), ("Unnamed: 0", "y"), ("", "rank"), ("productId", "imageName")]
)
def test_of_columns_that_fit_equally_well_the_likely_one_is_taken_and_it_is_told(
    tmp_path: Path, first: str, other: str
) -> None:
    make_files(tmp_path, *(f"{number}.jpg" for number in range(5)))
    (decision,) = propose_paths(evidence_of(tmp_path, [{first: number, other: 4 - number} for number in range(5)]))
    assert decision.value == f"{{{other}}}.jpg"
    assert decision.alternatives == ([f"data.columns.image: {{{first}}}.jpg"] if first else [])


def test_templates_that_fit_equally_well_are_told(tmp_path: Path) -> None:
    make_files(tmp_path, *(f"{number}_{view}.jpg" for number in range(3) for view in ("back", "front")))
    (decision,) = propose_paths(evidence_of(tmp_path, [{"key": number} for number in range(3)]))
    assert decision.value == "{key}_back.jpg"
    assert decision.alternatives == ["data.columns.image: {key}_front.jpg"]


def test_paths_without_an_images_ending_are_found(tmp_path: Path) -> None:
    make_files(tmp_path, "blobs/a1", "blobs/b2")
    evidence = evidence_of(tmp_path, [{"blob": "blobs/a1"}, {"blob": "blobs/b2"}])
    assert decided(evidence) == {"columns.image": "blob"}
    evidence = evidence_of(tmp_path, [{"image": "blobs/a1"}, {"image": "blobs/b2"}])
    assert decided(evidence) == {"columns.image": "image"}


@pytest.mark.parametrize("separator", [";", "|", ",", " ", "\n"])
def test_a_separator_between_paths_is_found(tmp_path: Path, separator: str) -> None:
    make_files(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpg")
    evidence = evidence_of(tmp_path, [{"image": separator.join(["a.jpg", "b.jpg"])}, {"image": "c.jpg"}])
    assert decided(evidence) == {
        "paths.separator": separator,
        "paths.several": "all",
        "images_root": str(tmp_path / "images"),
    }
    assert files_of(evidence) == ["images/a.jpg", "images/b.jpg", "images/c.jpg"]


@pytest.mark.parametrize("cell", [["a.jpg", "b.jpg"], '["a.jpg", "b.jpg"]', "['a.jpg', 'b.jpg']"])
def test_lists_of_paths_are_found(tmp_path: Path, cell: Any) -> None:
    make_files(tmp_path, "a.jpg", "b.jpg")
    evidence = evidence_of(tmp_path, [{"image": cell}, {"image": "b.jpg"}])
    assert decided(evidence) == {"paths.several": "all"}


def test_signs_in_one_name_are_no_separators(tmp_path: Path) -> None:
    make_files(tmp_path, "a, b.jpg", "c; d.jpg")
    assert decided(evidence_of(tmp_path, [{"image": "a, b.jpg"}, {"image": "c; d.jpg"}])) == {}


def test_absolute_paths_are_made_movable(tmp_path: Path) -> None:
    make_files(tmp_path, "x/a.jpg", "b.jpg")
    evidence = evidence_of(tmp_path, [{"image": str(tmp_path / "x" / "a.jpg")}, {"image": str(tmp_path / "b.jpg")}])
    assert decided(evidence) == {"paths.replace": {f"{tmp_path}/": ""}}
    assert files_of(evidence) == ["x/a.jpg", "b.jpg"]


def test_urls_of_one_place_make_it_the_root(tmp_path: Path) -> None:
    urls = [{"image": f"https://cdn.example/img/{name}.jpg?size=1"} for name in ("a/1", "b/2")]
    assert decided(evidence_of(tmp_path, urls)) == {"images_root": "https://cdn.example/img"}
    assert decided(evidence_of(tmp_path, [*urls, {"image": "https://other.example/3.jpg"}])) == {}


def test_images_elsewhere_in_the_catalogues_store_are_found_by_their_uris(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, [{"image": f"gs://shop/images/{name}.jpg"} for name in ("a/1", "a/2")])
    catalogue = evidence.catalogue.with_options(images_root="memory://shop/tables")
    assert decided(Evidence(catalogue, evidence.rows, evidence.sources)) == {"images_root": "gs://shop/images/a"}


def test_of_a_store_that_does_not_answer_no_more_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = evidence_of(tmp_path, [{"image": f"https://cdn.example/{number}.jpg"} for number in range(100)])
    asked: list[str] = []

    def read(root: str, path: str, _: DataOptions) -> bytes:
        asked.append(path)
        raise RowError("missing_file" if len(asked) == 1 else "fetch_failed", "nobody answers")

    monkeypatch.setattr("diptych.pipeline.prepare.proposals.decisions.read_image_file", read)
    assert evidence.decided(propose_paths(evidence)).images == []
    assert len(asked) == 3


def test_images_in_the_catalogue_need_no_paths(tmp_path: Path) -> None:
    make_files(tmp_path, "c/1.jpg")
    catalogue = Catalogue.open(DataOptions(catalogue=str(tmp_path)))
    assert propose_paths(Evidence(catalogue, [{"image": "c/1.jpg"}], [str(tmp_path)])) == []


def test_of_a_store_a_few_images_are_asked_for_and_nothing_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    path = "diptych.pipeline.prepare.proposals.path_cells.is_file"
    monkeypatch.setattr(path, lambda uri, fetch: asked.append(uri) or False)
    monkeypatch.setattr("diptych.components.catalogue.image_paths.is_file", lambda uri, fetch: False)
    evidence = evidence_of(tmp_path, [{"image": f"{number}.jpg"} for number in range(100)])
    catalogue = evidence.catalogue.with_options(images_root="memory://nothing")
    assert propose_paths(Evidence(catalogue, evidence.rows, evidence.sources)) == []
    assert 1 <= len(asked) <= 10


def test_large_folders_are_looked_at_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.pipeline.prepare.proposals.image_index._MAX_ENTRIES", 15)
    make_files(tmp_path, *(f"f{number}/{number}.jpg" for number in range(10)))
    looked_into: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked_into.append(str(path)) or scandir(path))
    assert ImageIndex.below(str(tmp_path)).paths == [f"f{number}/{number}.jpg" for number in range(5)]
    assert len(looked_into) == 6


NAMES = st.lists(
    st.text(st.sampled_from("abAB01 _-.é#%+"), min_size=1, max_size=8).filter(lambda name: name.strip(" .") == name),
    min_size=3,
    max_size=8,
    unique_by=lambda name: unicodedata.normalize("NFC", unquote(name)).lower(),
)
FOLDERS = st.sampled_from(["", "images/", "a b/images/", "Bilder/Ä/"])
PREFIXES = st.sampled_from(["", "/home/me/set/", "C:/Users/me/", "https://host.example/x/", "/data/upload/1/", "../"])
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "as it is": lambda path: path,
    "backslashes": lambda path: path.replace("/", "\\"),
    "quoted": lambda path: quote(path, safe="/:"),
    "decomposed": lambda path: unicodedata.normalize("NFD", path),
    "capitals": lambda path: path[:-4] + path[-4:].upper(),
}


@settings(deadline=None, max_examples=60)
@given(
    names=NAMES,
    folder=FOLDERS,
    prefix=PREFIXES,
    keeps_folder=st.booleans(),
    spelling=st.sampled_from(sorted(SPELLINGS)),
    ending=st.sampled_from([".jpg", ".png"]),
)
def test_each_row_is_led_to_its_own_file_or_nothing_is_decided(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    folder: str,
    prefix: str,
    keeps_folder: bool,
    spelling: str,
    ending: str,
) -> None:
    root = tmp_path_factory.mktemp("set")
    files = [f"{folder}{name}{ending}" for name in names]
    make_files(root, *files, "other/logo.jpg")
    written = [prefix + (file if keeps_folder else file.removeprefix(folder)) for file in files]
    evidence = evidence_of(root, [{"image": SPELLINGS[spelling](path)} for path in written])
    assert files_of(evidence) == files


@settings(deadline=None, max_examples=60)
@given(
    numbers=st.lists(st.integers(0, 99999), min_size=3, max_size=8, unique=True),
    folder=FOLDERS,
    before=st.sampled_from(["", "img_", "IMG", "x-1-"]),
    after=st.sampled_from(["", "_a", "-2"]),
    digits=st.sampled_from([0, 5, 12]),
    as_float=st.booleans(),
)
def test_each_number_is_led_to_its_own_file_or_nothing_is_decided(
    tmp_path_factory: pytest.TempPathFactory,
    numbers: list[int],
    folder: str,
    before: str,
    after: str,
    digits: int,
    as_float: bool,
) -> None:
    root = tmp_path_factory.mktemp("set")
    files = [f"{folder}{before}{number:0{digits}d}{after}.jpg" for number in numbers]
    make_files(root, *files, "other/logo.jpg")
    rows = [{"place": place, "number": f"{number}.0" if as_float else number} for place, number in enumerate(numbers)]
    evidence = evidence_of(root, rows)
    found = propose_paths(evidence)
    if any("{number" in str(decision.value) for decision in found):
        assert files_of(evidence) == files
    else:
        # The places of the rows may be as good.
        assert not found or any(decision.alternatives for decision in found)
