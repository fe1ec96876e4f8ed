"""Arrow files are read whoever wrote them, also where their batches are large or their texts lie in dictionaries."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.arrow import ArrowReader
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from tests.components.catalogue.readers.source_reading import cut_source, read_source

COUNT = 25
TABLE = pa.table(
    {
        "image": [{"bytes": b"%d" % number, "path": f"{number}.png"} for number in range(COUNT)],
        "description": [f"picture {number}" for number in range(COUNT)],
        "unused": list(range(COUNT)),
        "label": [f"class {number % 3}" for number in range(COUNT)],
    }
)
EXPECTED = [
    Row(
        number + 1,
        id=f"{number}.png",
        image=f"{number}.png",
        description=f"picture {number}",
        labels=(f"class {number % 3}",),
        content=b"%d" % number,
    )
    for number in range(COUNT)
]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 8)


def write_stream(path: Path, table: pa.Table, rows_per_batch: int, **options: Any) -> None:
    with path.open("wb") as file, pa.ipc.new_stream(file, table.schema, **options) as writer:
        writer.write_table(table, rows_per_batch)


def write_file(path: Path, table: pa.Table, rows_per_batch: int) -> None:
    with path.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, rows_per_batch)


def write_feather(path: Path, table: pa.Table, rows_per_batch: int) -> None:
    pyarrow.feather.write_feather(table, str(path), chunksize=rows_per_batch)


WRITERS: dict[str, Callable[[Path, pa.Table, int], None]] = {
    "stream": write_stream,
    "file": write_file,
    "feather, compressed": write_feather,
    "compressed stream": lambda path, table, rows_per_batch: write_stream(
        path, table, rows_per_batch, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("rows_per_batch", [1, 3, 8, 16, 25])
def test_every_row_is_read(tmp_path: Path, writer: str, rows_per_batch: int) -> None:
    path = tmp_path / "rows.arrow"
    WRITERS[writer](path, TABLE, rows_per_batch)
    assert read_source(ArrowReader(), path) == EXPECTED


@pytest.mark.parametrize("writer", WRITERS)
def test_texts_in_dictionaries_are_texts(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "rows.arrow"
    table = TABLE.set_column(3, "label", TABLE["label"].dictionary_encode())
    WRITERS[writer](path, table, 4)
    assert read_source(ArrowReader(), path) == EXPECTED
    assert [values["label"] for values in ArrowReader().sample(str(path), DataOptions(catalogue=str(path)))] == (
        table["label"].to_pylist()
    )


def test_dictionaries_inside_of_lists_are_refused(tmp_path: Path) -> None:
    labels = pa.ListArray.from_arrays([0, 2, 3], pa.array(["cat", "dog", "cat"]).dictionary_encode())
    table = pa.table({"image": ["a.png", "b.png"], "description": ["t", "u"], "label": labels})
    write_stream(tmp_path / "rows.arrow", table, 2)
    with pytest.raises(CatalogueError, match="dictionaries inside of lists or structs; save it anew without"):
        cut_source(ArrowReader(), tmp_path / "rows.arrow")


def test_batches_are_read_where_they_lie_unless_they_are_too_large(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    write_stream(path, TABLE, 3)
    chunks = cut_source(ArrowReader(), path)
    assert [(chunk.rows, chunk.spool) for chunk in chunks] == [(6, ""), (6, ""), (6, ""), (7, "")]
    write_stream(path, TABLE, 25)
    assert all(chunk.spool for chunk in cut_source(ArrowReader(), path))


def test_numbers_of_classes_get_the_names_of_the_schema(tmp_path: Path) -> None:
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = TABLE.slice(0, 2).set_column(3, "label", pa.array([1, 0])).replace_schema_metadata(metadata)
    for rows_per_batch in (1, 2):
        write_stream(tmp_path / "rows.arrow", table, rows_per_batch)
        assert [row.labels for row in read_source(ArrowReader(), tmp_path / "rows.arrow")] == [("dog",), ("cat",)]


def test_a_sample_is_taken_from_all_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.feather"
    table = pa.table({"n": list(range(4000))})
    write_feather(path, table, 40)
    sampled = [values["n"] for values in ArrowReader().sample(str(path), DataOptions(catalogue=str(path)))]
    assert len(sampled) > 500
    assert max(sampled) > 3700


def test_structs_are_columns_by_dotted_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    table = pa.table({"image": ["a.png"], "meta": [{"text": "t", "of": {"class": "c"}}]})
    write_stream(path, table, 1)
    columns = {"description": "meta.text", "label": "meta.of.class"}
    (row,) = read_source(ArrowReader(), path, columns=columns)
    assert (row.description, row.labels) == ("t", ("c",))
    (sampled,) = ArrowReader().sample(str(path), DataOptions(catalogue=str(path)))
    assert sampled == {"image": "a.png", "meta.text": "t", "meta.of.class": "c"}


def write_saved(folder: Path, names: list[str], **state: Any) -> None:
    folder.mkdir(parents=True)
    for name in ("data-00000-of-00001.arrow", "cache-1234.arrow"):
        write_stream(folder / name, TABLE, 10)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names], **state}))
    (folder / "dataset_info.json").write_text("{}")


def test_caches_of_a_saved_dataset_are_no_data(tmp_path: Path) -> None:
    write_saved(tmp_path / "saved", ["data-00000-of-00001.arrow"])
    catalogue = Catalogue.open(DataOptions(catalogue=str(tmp_path / "saved")))
    assert (catalogue.kind, catalogue.count_rows()) == ("arrow", COUNT)


def test_a_selection_of_a_saved_dataset_is_refused(tmp_path: Path) -> None:
    write_saved(tmp_path / "saved", ["data-00000-of-00001.arrow"], _indices_data_files=[{"filename": "i.arrow"}])
    with pytest.raises(CatalogueError, match="flatten_indices"):
        Catalogue.open(DataOptions(catalogue=str(tmp_path / "saved")))


@pytest.mark.parametrize("content", [b"", b"x", b"ARROW1\0\0", b"\xff\xff\xff\xff\x10\0\0\0", b"FEA1\0\0\0\0"])
def test_a_file_that_is_no_arrow_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.arrow"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match="cannot be read as Arrow"):
        cut_source(ArrowReader(), path)
    with pytest.raises(CatalogueError, match="cannot be read as Arrow"):
        list(ArrowReader().sample(str(path), DataOptions(catalogue=str(path))))


@pytest.mark.parametrize("length", [50, 900, 1200])
def test_a_file_that_is_cut_short_says_so(tmp_path: Path, length: int) -> None:
    path = tmp_path / "rows.arrow"
    write_stream(path, TABLE, 5)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CatalogueError, match="cannot be read"):
        cut_source(ArrowReader(), path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    write_stream(path, TABLE, 5)
    with pytest.raises(CatalogueError, match=r"data\.columns\.label.*no column 'lable'; did you mean 'label'"):
        cut_source(ArrowReader(), path, columns={"label": "lable"})


@pytest.mark.parametrize("write", [write_stream, write_file])
def test_texts_that_lie_outside_of_the_file_are_refused(write: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    write(path, pa.table({"image": ["a", "b"], "description": ["text", "other text"], "label": ["x", "y"]}), 2)
    written = path.read_bytes()
    assert struct.pack("<3i", 0, 4, 14) in written
    path.write_bytes(written.replace(struct.pack("<3i", 0, 4, 14), struct.pack("<3i", 0, 4, 99)))
    with pytest.raises(CatalogueError, match="cannot be read as Arrow: .*offset"):
        read_source(ArrowReader(), path)
    with pytest.raises(CatalogueError, match="cannot be read as Arrow: .*offset"):
        list(ArrowReader().sample(str(path), DataOptions(catalogue=str(path))))


def test_a_text_that_is_no_utf8_concerns_its_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    broken = pa.array([b"a", b"\xff"]).view(pa.string())
    images = pa.StructArray.from_arrays([broken, pa.array([b"1", b"2"])], ["path", "bytes"])
    labels = pa.DictionaryArray.from_arrays(pa.array([0, 1]), broken)
    write_stream(path, pa.table({"image": images, "description": broken, "label": labels}), 2)
    first, second = read_source(ArrowReader(), path)
    assert (first.image, first.description, first.labels, first.problem) == ("a", "a", ("a",), None)
    assert second.problem and second.problem[0] == "bad_encoding"
