"""Every kind of table gives the texts that were written, whatever they are and wherever chunks end."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.readers import kinds, rows
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from diptych.components.catalogue.reasons import REASONS
from tests.components.catalogue.readers.source_reading import read_source

COLUMNS = {"image": "file name", "description": "text", "label": "class", "id": "key", "split": "part"}
NAMES = [*COLUMNS.values(), "by", "unused"]
# NUL is read from CSV as the replacement character.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(
    [
        "",
        " ",
        '"',
        '""',
        ",",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "a\n\nb",
        "\ufeff",
        "\u2028",
        "null",
        "NaN",
        "7",
        "#",
        "\\",
        "'",
    ]
)
Table = list[dict[str, str | None]]
TABLES = st.lists(st.fixed_dictionaries({name: st.none() | TEXT for name in NAMES}), min_size=1, max_size=25)


def write_csv(path: Path, table: Table, delimiter: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, NAMES, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(table)


def write_tsv(path: Path, table: Table) -> None:
    write_csv(path, table, delimiter="\t")


def write_jsonl(path: Path, table: Table) -> None:
    lines = (json.dumps(row, ensure_ascii=number % 2 == 0) for number, row in enumerate(table))
    path.write_bytes("\r\n".join(lines).encode())


def write_json(path: Path, table: Table) -> None:
    path.write_bytes(json.dumps(table, ensure_ascii=False, indent=1).encode())


def write_parquet(path: Path, table: Table) -> None:
    schema = pa.schema([(name, pa.string()) for name in NAMES])
    pq.write_table(pa.Table.from_pylist(table, schema), path, row_group_size=3)


def write_coco(path: Path, table: Table) -> None:
    # Annotations of one image may be one row.
    images = [{"id": number} for number in range(len(table))]
    annotations = [{"image_id": number, "id": number, **row} for number, row in enumerate(table)]
    path.write_bytes(json.dumps({"annotations": annotations, "images": images, "categories": []}).encode())


WRITERS: dict[str, Callable[[Path, Table], None]] = {
    "csv": write_csv,
    "tsv": write_tsv,
    "jsonl": write_jsonl,
    "json": write_json,
    "parquet": write_parquet,
    "coco": write_coco,
}


def expected(number: int, row: dict[str, str | None]) -> Row:
    text = {name: value or "" for name, value in row.items()}
    return Row(
        number,
        id=text["key"] or text["file name"],
        image=text["file name"],
        description=text["text"],
        labels=(label,) if (label := text["class"].strip()) else (),
        group=text["by"].strip() or None,
        split=text["part"].strip() or None,
    )


def assert_reads_back(kind: str, table: Table, chunk_rows: int, folder: Path) -> None:
    path = folder / f"rows.{kind}"
    WRITERS[kind](path, table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "ROWS_PER_CHUNK", chunk_rows)
        found = read_source(kinds.make_reader(kind), path, columns=COLUMNS, split_by="by")
    assert found == [expected(number, row) for number, row in enumerate(table, start=1)]


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "coco"])
@settings(max_examples=40, deadline=None)
@given(table=TABLES, chunk_rows=st.integers(1, 9))
def test_any_table_reads_back(
    tmp_path_factory: pytest.TempPathFactory, kind: str, table: Table, chunk_rows: int
) -> None:
    assert_reads_back(kind, table, chunk_rows, tmp_path_factory.mktemp("table"))


@pytest.mark.parametrize("kind", list(WRITERS))
@pytest.mark.parametrize("chunk_rows", [1, 7, 64, 200, 2048])
def test_a_longer_table_reads_back_in_chunks_of_any_size(tmp_path: Path, kind: str, chunk_rows: int) -> None:
    texts = ['a "quoted",\ttext', "two\r\nlines", "caf\u00e9 \u2028 \U0001f600", None, "#"]
    table: list[dict[str, Any]] = [
        {name: texts[(number + place) % 5] for place, name in enumerate(NAMES)} | {"key": f"{number}"}
        for number in range(200)
    ]
    assert_reads_back(kind, table, chunk_rows, tmp_path)


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "parquet"])
@settings(max_examples=60, deadline=None)
@given(
    junk=st.binary(max_size=12),
    place=st.floats(0, 1),
    table=TABLES,
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252", "shift_jis", "utf-7", "iso2022_jp"]),
)
def test_a_file_with_anything_in_it_gives_rows_or_says_why_not(
    tmp_path_factory: pytest.TempPathFactory, kind: str, junk: bytes, place: float, table: Table, encoding: str
) -> None:
    path = tmp_path_factory.mktemp("junk") / f"rows.{kind}"
    WRITERS[kind](path, table)
    content = path.read_bytes()
    cut = round(place * len(content))
    path.write_bytes(content[:cut] + junk + content[cut + len(junk) // 2 :])
    try:
        found = read_source(kinds.make_reader(kind), path, columns=COLUMNS, split_by="by", encoding=encoding)
    except CatalogueError as error:
        assert str(error).startswith("data.")
    else:
        assert all(row.problem is None or row.problem[0] in REASONS for row in found)
