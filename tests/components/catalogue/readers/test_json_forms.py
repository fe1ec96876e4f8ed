"""A JSON document's table is found in whatever form it has, or the document is refused."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.json_document import JsonReader
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from diptych.pipeline.prepare.proposals.tables import propose_table
from tests.components.catalogue.readers.source_reading import read_source

TABLE = [{"image": f"{n}.png", "description": f"text {n}", "label": "ab"[n % 2]} for n in range(5)]
EXPECTED = [(row["image"], row["description"], row["label"]) for row in TABLE]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def rows_of(folder: Path, document: Any, **options: Any) -> list[Row]:
    path = folder / "rows.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return read_source(JsonReader(), path, **options)


def texts(found: list[Row]) -> list[tuple[str, str, str]]:
    return [(row.image, row.description, *row.labels) for row in found]


@pytest.mark.parametrize("orient", ["columns", "index", "records", "split", "table"])
@pytest.mark.parametrize("index", [None, [f"row {n}" for n in range(5)], [7, 8, 9, 10, 11]])
def test_what_pandas_writes_is_read(tmp_path: Path, orient: Any, index: Any) -> None:
    document = pd.DataFrame(TABLE, index=index).to_json(orient=orient)
    assert texts(rows_of(tmp_path, document)) == EXPECTED


def test_values_without_names_need_a_header_or_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame(TABLE)
    numbered = {"image": "1", "description": "2", "label": "3"}
    found = rows_of(tmp_path, frame.to_json(orient="values"), table={"header": False}, columns=numbered)
    assert texts(found) == EXPECTED
    assert texts(rows_of(tmp_path, [list(frame.columns), *frame.values.tolist()])) == EXPECTED
    with pytest.raises(CatalogueError, match="no column 'image'"):
        rows_of(tmp_path, frame.to_json(orient="values"))
    (decision,) = propose_table(Catalogue.open(DataOptions(catalogue=str(tmp_path / "rows.json"))))
    assert (decision.key, decision.value, decision.alternatives) == ("data.table.header", False, [])


@pytest.mark.parametrize(
    "document",
    [
        {"data": TABLE},
        {"version": 1, "result": {"page": 1, "items": TABLE}},
        {name: [row[name] for row in TABLE] for name in TABLE[0]},
        "\n".join(json.dumps(row, indent=2) for row in TABLE),
        "".join(json.dumps(row) for row in TABLE),
    ],
)
def test_rows_are_found_wherever_they_are(tmp_path: Path, document: Any) -> None:
    assert texts(rows_of(tmp_path, document)) == EXPECTED


def test_the_keys_of_rows_are_a_column(tmp_path: Path) -> None:
    document = {row["image"]: {"description": row["description"], "label": row["label"]} for row in TABLE}
    assert texts(rows_of(tmp_path, document, columns={"image": "key"})) == EXPECTED
    sample = list(JsonReader().sample(str(tmp_path / "rows.json"), DataOptions(catalogue="rows.json")))
    assert sample[0] == {"key": "0.png", "description": "text 0", "label": "a"}


def test_of_several_lists_one_must_be_named(tmp_path: Path) -> None:
    document = {"features": [{"name": "image"}], "a.b": {"rows": TABLE}}
    with pytest.raises(
        CatalogueError, match=r"data\.table\.records: .* several lists of objects: features, a\.b\.rows"
    ):
        rows_of(tmp_path, document)
    assert texts(rows_of(tmp_path, document, table={"records": "a.b.rows"})) == EXPECTED
    with pytest.raises(CatalogueError, match=r"has no 'rows'; its lists of objects are features, a\.b\.rows"):
        rows_of(tmp_path, document, table={"records": "rows"})
    (decision,) = propose_table(Catalogue.open(DataOptions(catalogue=str(tmp_path / "rows.json"))))
    assert (decision.key, decision.value) == ("data.table.records", "a.b.rows")
    assert decision.alternatives == ["data.table.records: features"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"image": ["a.png"], "description": ["t", "u"], "label": ["c"]},
            "different lengths: 'image' 1, 'description' 2",
        ),
        ({"image": {"x": "a"}, "description": {"y": "t"}, "label": {"x": "c"}}, "columns whose keys differ: 'x', 'y'"),
        ({"data": [1, 2]}, "no column 'image'; its columns are data"),
        ({**{name: ["x"] for name in ("description", "label")}, "images": ["a"]}, "did you mean 'images'"),
        ("true", "holds no rows"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        rows_of(tmp_path, document)


def test_a_row_of_another_length_is_told(tmp_path: Path) -> None:
    document = {"columns": ["image", "description", "label"], "data": [["a.png", "t", "c"], ["b.png", "t"], 7]}
    good, short, number = rows_of(tmp_path, document)
    assert good.problem is None
    assert short.problem == ("malformed_row", "2 values, not 3")
    assert number.problem == ("malformed_row", "a JSON int where an array is needed")


def test_nested_objects_are_columns_by_dotted_names(tmp_path: Path) -> None:
    document = [{"image": {"file": "a.png"}, "meta": {"text": "t"}, "meta.label": "c", "x": {"y": {"z": 1}}}]
    columns = {"image": "image.file", "description": "meta.text", "label": "meta.label", "id": "x.y.z"}
    (row,) = rows_of(tmp_path, document, columns=columns)
    assert (row.image, row.description, row.labels, row.id) == ("a.png", "t", ("c",), "1")
    with pytest.raises(CatalogueError, match=r"no column 'meta.lable'; did you mean 'meta.label'"):
        rows_of(tmp_path, document, columns={**columns, "label": "meta.lable"})


def test_columns_are_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 4096)
    count, text = 3000, "x" * 2000
    document = {"image": {n: f"{n}.png" for n in range(count)}, "description": dict.fromkeys(range(count), text)}
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({**document, "label": dict.fromkeys(range(count), "c")}))
    del document
    tracemalloc.start()
    assert len(read_source(JsonReader(), path)) == count
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The rows that the test holds are as large as the document; with the document itself it would be twice that.
    assert peak < 1.6 * path.stat().st_size
