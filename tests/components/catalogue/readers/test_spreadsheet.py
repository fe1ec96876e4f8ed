"""Sheets of spreadsheets are tables: cells of each type, one sheet of several, headers and what stands above them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import isolated_reading, rows, spreadsheet
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from diptych.components.catalogue.readers.spreadsheet import SpreadsheetReader
from diptych.pipeline.prepare.proposals.tables import propose_table
from tests.components.catalogue.readers.source_reading import read_source
from tests.spreadsheets import CellError, write_ods, write_xlsx

HEADER = ["image", "description", "label"]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def rows_of(path: Path, **options: Any) -> list[Row]:
    return read_source(SpreadsheetReader(), path, **options)


def decided(path: Path) -> dict[str, Any]:
    opened = Catalogue.open(DataOptions(catalogue=str(path)))
    return {decision.key: (decision.value, list(decision.alternatives)) for decision in propose_table(opened)}


def test_cells_become_texts(tmp_path: Path) -> None:
    cells = [7, 1.5, True, "007", " x ", None, CellError("#N/A"), 1e15, 0.1]
    table = [[*HEADER, "id"], *([f"{n}.png", cell, "c", n] for n, cell in enumerate(cells)), [None, None, None, None]]
    found = rows_of(write_xlsx(tmp_path / "rows.xlsx", {"Sheet": table}), columns={"id": "id"})
    expected = ["7", "1.5", "true", "007", " x ", "", "", "1000000000000000", "0.1"]
    assert [row.description for row in found] == expected
    assert [row.id for row in found] == [str(n) for n in range(len(cells))]


def test_blank_rows_and_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    path = write_xlsx(
        tmp_path / "rows.xlsx", {"S": [["", *HEADER], [1, "a.png", "t", "c"], [], [2, "b.png", "u", "d"]]}
    )
    assert [(row.number, row.image, *row.labels) for row in rows_of(path)] == [(1, "a.png", "c"), (2, "b.png", "d")]
    sampled = list(SpreadsheetReader().sample(str(path), DataOptions(catalogue=str(path))))
    assert sampled[0] == dict(zip(HEADER, ["a.png", "t", "c"], strict=True))


def test_of_several_sheets_one_must_be_named(tmp_path: Path) -> None:
    table = [HEADER, *([f"{n}.png", f"text {n}", "c"] for n in range(5))]
    notes = [["a", "note"], ["b", "more"]] * 9
    path = write_xlsx(tmp_path / "rows.xlsx", {"Notes": notes, "Rows": table, "Lists": [["c"]], "None": []}, ["Lists"])
    with pytest.raises(CatalogueError, match=r"data\.table\.sheet: .* several sheets .*: Notes, Rows; name one"):
        rows_of(path)
    with pytest.raises(CatalogueError, match="no sheet 'rows'; its sheets are Notes, Rows, Lists, None"):
        rows_of(path, table={"sheet": "rows"})
    assert len(rows_of(path, table={"sheet": "Rows"})) == 5
    assert decided(path) == {"data.table.sheet": ("Rows", ["data.table.sheet: Notes"])}


def test_hidden_and_empty_sheets_need_no_choice(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "rows.xlsx", {"Lists": [["c"]], "Rows": [HEADER, ["a.png", "t", "c"]]}, ["Lists"])
    assert [row.image for row in rows_of(path)] == ["a.png"]
    assert decided(path) == {}


def test_what_stands_above_and_a_missing_header_are_found(tmp_path: Path) -> None:
    table = [[f"{n}.png", f"text {n}", "c"] for n in range(4)]
    titled = write_xlsx(tmp_path / "titled.xlsx", {"S": [["Pictures"], [], HEADER, *table]})
    assert decided(titled) == {"data.table.skip_lines": (2, [])}
    assert len(rows_of(titled, table={"skip_lines": 2})) == 4
    headless = write_xlsx(tmp_path / "headless.xlsx", {"S": table})
    assert decided(headless) == {"data.table.header": (False, [])}
    numbered = {"image": "1", "description": "2", "label": "3"}
    assert len(rows_of(headless, table={"header": False}, columns=numbered)) == 4
    with pytest.raises(CatalogueError, match=r"no column 'image'.*data\.table\.header: false"):
        rows_of(headless)


def test_pictures_inside_of_a_sheet_are_told(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "rows.xlsx", {"S": [HEADER, ["a.png", "t", "c"]]})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/media/image1.png", b"x")
    (decision,) = propose_table(Catalogue.open(DataOptions(catalogue=str(path))))
    assert (decision.key, decision.value) == ("data.table.sheet", "S")
    assert "pictures inside of a sheet are not read" in decision.reason


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\3\4"])
def test_a_file_that_is_no_spreadsheet_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.xlsx").write_bytes(content)
    with pytest.raises(CatalogueError, match="cannot be read as a spreadsheet"):
        rows_of(tmp_path / "rows.xlsx")


def test_an_archive_of_a_later_version_says_so(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "rows.xlsx", {"S": [HEADER, ["a.png", "t", "c"]]})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 6] = 255
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match="cannot be read as a spreadsheet: zip file version 25.5"):
        spreadsheet.has_pictures(str(path), DataOptions(catalogue=str(path)))


def test_names_of_parts_that_are_no_text_say_so(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "rows.xlsx", {"S": [HEADER, ["a.png", "t", "c"]]})
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\1\2")
    content[start + 9] |= 8  # the name is UTF-8
    content[start + 46] = 255
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match="cannot be read as a spreadsheet: 'utf-8' codec can't decode"):
        spreadsheet.has_pictures(str(path), DataOptions(catalogue=str(path)))


def test_damaged_xml_that_would_be_read_for_ever_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_ods(tmp_path / "rows.ods", [["image"]])
    damaged = (
        'et><table:table table:name="S"><tablell office:vvalue-type="string"><tex="strinstring"><text:p>t>'
        "</table:table-cell></table:table-row></table:tant>"
    )
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**parts, "content.xml": damaged}.items():
            archive.writestr(name, content)
    monkeypatch.setattr(isolated_reading, "_BASE_SECONDS", 1)
    with pytest.raises(CatalogueError, match="reading has no end, because it is damaged; save its sheet as CSV"):
        rows_of(path)


def test_a_cell_merged_over_rows_is_one_of_each(tmp_path: Path) -> None:
    title = [None, "Pictures of 2024", None, None]
    table = [title, [None, *HEADER], *([None, f"{n}.png", "t", "cat" if n == 0 else None] for n in range(3))]
    merged = ["B1:D1", "D3:D4"]
    found = rows_of(write_xlsx(tmp_path / "rows.xlsx", {"S": table}, merged=merged), table={"skip_lines": 1})
    assert [(row.image, row.labels) for row in found] == [("0.png", ("cat",)), ("1.png", ("cat",)), ("2.png", ())]
