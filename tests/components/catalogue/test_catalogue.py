"""A catalogue is opened, sampled, counted, cut and read, whatever its kind."""

from __future__ import annotations

import gzip
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.spans import SpanError
from diptych.models.tfrecord_framing import frame_record
from tests.catalogue_kinds import KINDS, Item, example, write_kind

COUNT = 7
ITEMS = [
    Item(f"id {n}", f"{n}.png", b"\xff image %d" % n, f"text {n}", ("cat", "dog")[n % 2], f"group {n // 3}")
    for n in range(COUNT)
]


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)
    return Catalogue.open(write_kind(request.param, tmp_path / "catalogue", ITEMS))


def test_rows_are_counted_cut_and_read(opened: Catalogue, tmp_path: Path) -> None:
    assert opened.count_rows() == COUNT
    chunks = list(opened.chunks(str(tmp_path)))
    assert sum(chunk.rows for chunk in chunks) == COUNT
    assert [chunk.source_index for chunk in chunks] == sorted(chunk.source_index for chunk in chunks)
    read = [(chunk.source, row) for chunk in chunks for row in opened.read(chunk)]
    assert read == list(opened.rows())
    assert sorted(row.description for _, row in read) == [item.description for item in ITEMS]


def test_a_pickled_catalogue_reads_the_same(opened: Catalogue) -> None:
    """Beam sends it to its workers."""
    assert list(pickle.loads(pickle.dumps(opened)).rows()) == list(opened.rows())


def test_rows_are_sampled_before_the_columns_are_known(opened: Catalogue) -> None:
    unknown = Catalogue.open(DataOptions(catalogue=opened.data.catalogue))
    sample = unknown.sample(2)
    assert sample == unknown.sample(2)
    assert {source for source, _ in sample} <= set(opened.sources)
    descriptions = [values["description"] for _, values in sample]
    assert len(descriptions) == 2
    assert set(descriptions) < {item.description for item in ITEMS}


def test_a_sample_is_taken_of_the_whole_catalogue(tmp_path: Path) -> None:
    files = {f"{name}.csv": "image,label\n" + f"{name}.png,{name}\n" * 500 for name in "abc"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    sample = Catalogue.open(DataOptions(catalogue=str(tmp_path / "*.csv"))).sample(30)
    assert Counter(values["label"] for _, values in sample) == dict.fromkeys("abc", 10)


@pytest.mark.parametrize("kind", ["folder", "webdataset", "tfrecord", "parquet"])
def test_a_sample_is_spread_over_each_file(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"diptych.components.catalogue.readers.{kind}.SAMPLED_ROWS", 2)
    catalogue = Catalogue.open(write_kind(kind, tmp_path / "catalogue", ITEMS))
    labels = [values["description"] for _, values in catalogue.sample(2)]
    assert len(set(labels)) == 2


def test_names_of_sources_are_relative_to_the_catalogue(opened: Catalogue) -> None:
    for source in opened.sources:
        file = opened.source_file(source)
        assert not file.name.startswith("/")
        assert (file.name, file.images_root) == (opened.source_name(source), opened.images_root(source))


def test_the_greatest_span_is_opened(tmp_path: Path) -> None:
    for span in ("7", "12"):
        write_kind("csv", tmp_path / span, ITEMS[: int(span) % 5])
    catalogue = Catalogue.open(DataOptions(catalogue=f"{tmp_path}/{{SPAN}}/rows.csv"))
    assert (catalogue.span.span, catalogue.sources) == (12, (f"{tmp_path}/12/rows.csv",))
    assert catalogue.data.catalogue == catalogue.span.catalogue == f"{tmp_path}/12/rows.csv"
    assert catalogue.count_rows() == 2
    with pytest.raises(SpanError):
        Catalogue.open(DataOptions(catalogue=f"{tmp_path}/{{SPAN}}/none.csv"))


def test_other_options_keep_the_files(tmp_path: Path) -> None:
    catalogue = Catalogue.open(write_kind("csv", tmp_path / "a", ITEMS))
    other = catalogue.with_options(images_root="/elsewhere")
    assert (other.sources, other.kind) == (catalogue.sources, catalogue.kind)
    assert other.images_root(other.sources[0]) == "/elsewhere"


def test_columns_are_checked_in_every_source(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("image,description,label\na.png,text,cat\n")
    catalogue = Catalogue.open(DataOptions(catalogue=f"{tmp_path}/*.csv"))
    catalogue.check_columns()
    (tmp_path / "b.csv").write_text("image,text,label\na.png,text,cat\n")
    with pytest.raises(CatalogueError, match=r"b\.csv' has no column 'description'"):
        catalogue.check_columns()
    with pytest.raises(CatalogueError, match="there is no file"):
        Catalogue.open(DataOptions(catalogue=f"{tmp_path}/none.csv")).check_columns()


def test_rows_that_cannot_be_read_are_not_sampled(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('image,text\na.png,"never closed\n')
    (tmp_path / "b.csv").write_text("image,text\na.png\nb.png,text,more\nc.png,text\n")
    (tmp_path / "c.json").write_text('[1, {"image": "c.png"}]')
    (tmp_path / "d.tfrecord").write_bytes(frame_record(b"\xff") + frame_record(example(image="c.png")))
    (tmp_path / "e.tfrecord.gz").write_bytes(gzip.compress(frame_record(example(image="c.png"))))
    found = {name: sample_of(tmp_path / name) for name in ("a.csv", "b.csv", "c.json", "d.tfrecord", "e.tfrecord.gz")}
    assert [values["image"] for values in found.pop("a.csv")] == ["a.png"]
    assert {name: [values["image"] for values in sample] for name, sample in found.items()} == {
        name: ["c.png"] for name in found
    }


def sample_of(path: Path) -> list[dict[str, object]]:
    return [dict(values) for _, values in Catalogue.open(DataOptions(catalogue=str(path))).sample(10)]


@pytest.mark.parametrize("break_file", [Path.unlink, lambda path: path.write_bytes(b"no record begins here")])
def test_a_source_that_cannot_be_sampled_is_named(tmp_path: Path, break_file: Callable[[Path], object]) -> None:
    path = tmp_path / "rows.tfrecord"
    path.write_bytes(frame_record(example(image="a.png")))
    catalogue = Catalogue.open(DataOptions(catalogue=str(path)))
    break_file(path)
    with pytest.raises(CatalogueError, match=r"rows\.tfrecord"):
        catalogue.sample(1)
