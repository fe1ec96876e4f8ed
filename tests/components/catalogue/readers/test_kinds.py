"""The kind of a catalogue, its files and the folder of its images are found."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import CatalogueFormat, DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.kinds import find_kind, images_root, list_sources, make_reader
from diptych.components.catalogue.readers.rows import CatalogueError
from tests.paths import EMOJI


def options(catalogue: Path | str, **others: Any) -> DataOptions:
    return DataOptions(catalogue=str(catalogue), **others)


def sources_of(data: DataOptions) -> list[str]:
    return list_sources(data, find_kind(data))


def make_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rows.csv", "csv"),
        ("ROWS.CSV", "csv"),
        ("rows.csv.gz", "csv"),
        ("rows.tsv", "tsv"),
        ("rows.tab", "tsv"),
        ("rows.txt", "csv"),
        ("rows.txt.gz", "csv"),
        ("rows.jsonl", "jsonl"),
        ("rows.ndjson.gz", "jsonl"),
        ("output.manifest", "jsonl"),
        ("rows.xlsx", "xlsx"),
        ("rows.xlsm", "xlsx"),
        ("rows.ods", "ods"),
        ("rows.parquet", "parquet"),
        ("rows.arrow", "arrow"),
        ("rows.feather", "arrow"),
        ("shard-0000.tar", "webdataset"),
        ("shard-0000.tar.gz", "webdataset"),
        ("rows.tfrecord", "tfrecord"),
        ("rows.tfrecords.gz", "tfrecord"),
        ("mnist-train.tfrecord-00000-of-00002", "tfrecord"),
    ],
)
def test_a_files_ending_says_what_it_is(tmp_path: Path, name: str, kind: str) -> None:
    path = make_files(tmp_path, name) / name
    assert find_kind(options(path)) == kind
    assert find_kind(options(tmp_path / f"*{name[3:]}")) == kind
    assert sources_of(options(path)) == [str(path)]


def test_a_web_files_ending_stands_before_the_query() -> None:
    data = options("https://example.com/data/rows.csv?key=a/b.json")
    assert find_kind(data) == "csv"
    assert images_root(data.catalogue, data) == "https://example.com/data"


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ('[{"image": "a.png"}]', "json"),
        ("\ufeff \n[\n1]", "json"),
        ("broken", "json"),
        ('{"info": {}, "images": [], "annotations": []}', "coco"),
        ('{\n "annotations": [],\n "images": []}', "coco"),
        ('{"images": [{"id": 1}]}', "json"),
        ('{"image": "a.png"}\n{"image": "b.png"}', "jsonl"),
        ('{"images": ["a"]}\r\n{"images": ["b"]}', "jsonl"),
        ('{"image": {"0": "a.png"}, "images": "[", "annotations": "["}', "json"),
        ('{"data": [{"image": "a.png"}]}', "json"),
        ('{\n "image": "a.png"\n}\n{\n "image": "b.png"\n}', "json"),
    ],
)
@pytest.mark.parametrize("name", ["rows.json", "rows.json.gz"])
def test_a_json_files_start_says_what_it_is(tmp_path: Path, document: str, kind: str, name: str) -> None:
    content = document.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert find_kind(options(tmp_path / name)) == kind
    assert find_kind(options(tmp_path / "*.json*")) == kind


@pytest.mark.parametrize(
    ("names", "kind", "sources"),
    [
        (["cat/a.jpg", "cat/a.txt"], "folder", [""]),
        (["metadata.csv", "a.jpg"], "imagefolder", ["/metadata.csv"]),
        (["metadata.jsonl", "a.tar"], "imagefolder", ["/metadata.jsonl"]),
        (
            ["train/metadata.parquet", "train/a.jpg", "test/metadata.parquet"],
            "imagefolder",
            ["/test/metadata.parquet", "/train/metadata.parquet"],
        ),
        (["b.tar", "a.tar", "README.md"], "webdataset", ["/a.tar", "/b.tar"]),
        (
            ["dataset_info.json", "x-train.tfrecord-00000-of-00001", "x-test.tfrecord-00000-of-00001"],
            "tfrecord",
            ["/x-test.tfrecord-00000-of-00001", "/x-train.tfrecord-00000-of-00001"],
        ),
    ],
)
def test_a_folders_files_say_what_it_is(tmp_path: Path, names: list[str], kind: str, sources: list[str]) -> None:
    folder = make_files(tmp_path / "shop", *names)
    for data in (options(folder), options(tmp_path / "sh*")):
        assert find_kind(data) == kind
        assert sources_of(data) == [f"{folder}{source}" for source in sources]


def test_the_settings_say_what_a_file_is_whatever_its_name(tmp_path: Path) -> None:
    data = options(make_files(tmp_path, "rows.txt") / "rows.txt", format="tsv")
    assert (find_kind(data), sources_of(data)) == ("tsv", [data.catalogue])


def test_a_folder_may_hold_the_files_of_the_named_kind(tmp_path: Path) -> None:
    make_files(tmp_path, "b.json", "a.json", "c.csv", "d/e.json")
    for kind in ("coco", "json"):
        assert sources_of(options(tmp_path, format=kind)) == [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    with pytest.raises(CatalogueError, match="holds no files of the kind 'parquet'"):
        sources_of(options(tmp_path, format="parquet"))


def test_a_pattern_means_all_files_that_match(tmp_path: Path) -> None:
    make_files(tmp_path, "2026-02/rows.csv", "2026-01/rows.csv", "2026-01/other.csv", "2025-12/rows.csv")
    found = sources_of(options(tmp_path / "2026-*" / "r?ws.csv"))
    assert found == [str(tmp_path / "2026-01" / "rows.csv"), str(tmp_path / "2026-02" / "rows.csv")]


def test_a_file_may_have_the_name_of_a_pattern(tmp_path: Path) -> None:
    path = make_files(tmp_path, "rows[1].csv", "rows1.csv") / "rows[1].csv"
    assert sources_of(options(path)) == [str(path)]


def test_what_is_not_there_or_unknown_is_told(tmp_path: Path) -> None:
    make_files(tmp_path, "rows.xls", "rows")
    wanted = {
        "rows.xls": r"ends with '.xls'; readable are .arrow, .csv, .feather, .json, .*, .txt, .xlsm, .*data\.format",
        "rows": "ends with ''; readable are .arrow",
        "*.xls": "rows.xls' ends with '.xls'; readable are",
        "absent": "there is no file",
        "absent.json": "there is no file",
        "*.jsonl": r"no file matches '.*\*.jsonl'",
    }
    for name, message in wanted.items():
        with pytest.raises(CatalogueError, match=message):
            sources_of(options(tmp_path / name))


def test_images_lie_beside_their_source_unless_told_otherwise(tmp_path: Path) -> None:
    assert images_root("data/rows.csv", options("data/rows.csv")) == "data"
    assert images_root("rows.csv", options("rows.csv")) == "."
    assert images_root("gs://bucket/data/rows.csv", options("gs://bucket/data/rows.csv")) == "gs://bucket/data"
    assert images_root("data/a/rows.csv", options("data/*/rows.csv")) == "data/a"
    assert images_root(str(tmp_path), options(tmp_path)) == str(tmp_path)
    assert images_root(f"{tmp_path}/a.tar", options(tmp_path)) == str(tmp_path)


def test_a_relative_root_is_relative_to_the_catalogues_folder(tmp_path: Path) -> None:
    assert images_root("data/rows.csv", options("data/rows.csv", images_root="images")) == "data/images"
    assert images_root("data/a/rows.csv", options("data/*/rows.csv", images_root="images")) == "data/images"
    assert images_root(f"{tmp_path}/a.tar", options(tmp_path, images_root="images")) == f"{tmp_path}/images"
    assert images_root("data/rows.csv", options("data/rows.csv", images_root="/images")) == "/images"
    assert images_root("data/rows.csv", options("data/rows.csv", images_root="gs://b/images")) == "gs://b/images"


@pytest.mark.parametrize("kind", [kind for kind in get_args(CatalogueFormat) if kind != "auto"])
def test_every_format_of_the_settings_has_a_reader(kind: str) -> None:
    reader = make_reader(kind)
    assert callable(reader.sample)
    assert callable(reader.cut)
    assert callable(reader.read)


def test_all_rows_are_read_in_order_of_their_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)
    for name, count in (("b.json", 3), ("a.json", 5)):
        items = [{"image": f"{name}{number}", "description": "t", "label": "c"} for number in range(count)]
        (tmp_path / name).write_text(json.dumps(items))
    found = [(source, row.number, row.image) for source, row in Catalogue.open(options(tmp_path / "*.json")).rows()]
    assert found == [
        (str(tmp_path / name), number + 1, f"{name}{number}")
        for name, count in (("a.json", 5), ("b.json", 3))
        for number in range(count)
    ]


def test_the_emoji_have_all_their_rows(tmp_path: Path) -> None:
    catalogue = EMOJI / "catalogue.csv"
    if not catalogue.is_file():
        pytest.skip("the emoji catalogue is not here: ../shared/data/emoji/catalogue.csv, from the repository's root")
    found = [row for _, row in Catalogue.open(options(catalogue, split_by="group")).rows()]
    assert len(found) == 3394
    assert all(row.image and row.description and row.labels and row.group and not row.problem for row in found)


def test_texts_of_splits_are_tables_where_images_have_no_class_folders(tmp_path: Path) -> None:
    make_files(tmp_path, "images/1.png", "train.txt", "test.txt", "notes.txt")
    data = options(tmp_path)
    assert find_kind(data) == "csv"
    assert [Path(source).name for source in sources_of(data)] == ["test.txt", "train.txt"]


def test_documents_of_splits_are_a_catalogue(tmp_path: Path) -> None:
    data = options(make_files(tmp_path, "images/1.png", "train.json", "test.json", "notes.json"))
    assert find_kind(data) == "json"
    assert Catalogue.open(data).splits.splits == ["train", "test"]


@pytest.mark.parametrize(
    "names",
    [
        ("images/cat/1.png", "images/dog/1.png", "train.txt", "test.txt"),
        ("cat/1.png", "dog/1.png", "train.txt", "test.txt"),
        ("images/1.png", "train.txt"),
        ("images/1.png", "train-0.txt", "train-1.txt"),
        ("train.png", "train.txt", "test.png", "test.txt"),
    ],
)
def test_other_texts_are_no_tables_of_a_folder(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert find_kind(options(make_files(tmp_path, *names))) == "folder"


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("train/cat/1.png", "test/cat/1.png", "train.csv"), "folder"),
        (("train/cat/1.png", "test/cat/1.png", "train.csv", "test.csv"), "csv"),
        (("train/1.png", "test/1.png", "train.csv"), "csv"),
        (("images/1.png", "train.csv", "test.csv", "words.tsv"), "csv"),
        (("cat/1.png", "dog/1.png", "train.csv"), "csv"),
        (("train/cat/1.png", "test/cat/1.png", "more/cat/1.png", "train.csv"), "csv"),
    ],
)
def test_a_table_of_train_alone_does_not_hide_folders_of_splits(
    tmp_path: Path, names: tuple[str, ...], kind: str
) -> None:
    assert find_kind(options(make_files(tmp_path, *names))) == kind
