"""Catalogues that users of pandas, Polars and other readers have reported as misread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tests.first_contact.layouts import Written, layout
from tests.first_contact.pictures import Item, items
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import frame_of, write_pictures

_HEADER = ("image", "description", "label")


def _table(rows: Sequence[Item], quote: str = "", delimiter: str = ",") -> str:
    lines = [(f"images/{row.picture}.png", f"{quote}{row.text}{quote}", *row.labels) for row in rows]
    return "".join(delimiter.join(fields) + "\n" for fields in (_HEADER, *lines))


def _written(folder: Path, rows: list[Item], text: str, encoding: str = "utf-8") -> Written:
    write_pictures(rows, folder / "images")
    (folder / "rows.csv").write_bytes(text.encode(encoding))
    return Written(folder / "rows.csv", rows)


def _frame(rows: Sequence[Item]) -> pd.DataFrame:
    return frame_of(rows, label=lambda row: row.labels[0])


@layout("by hand", "CSV with single quotes about the texts alone, which hold commas")
def single_quotes_about_texts(folder: Path, _: Tools) -> Written:
    """With double quotes, each text would be two fields, and the header would be one short."""
    rows = [replace(row, text=f"red, size {row.picture}") for row in items()]
    return _written(folder, rows, _table(rows, "'"))


@layout("PowerShell, by hand", "CSV in UTF-16 without a mark of its byte order")
def utf_16_without_mark(folder: Path, _: Tools) -> Written:
    """What is left of ``Export-Csv -Encoding Unicode`` where a tool has stripped the mark."""
    rows = items()
    return _written(folder, rows, _table(rows, '"'), "utf-16-le")


@layout("by hand", "CSV with marks of inches in fields without quotes")
def marks_of_inches(folder: Path, _: Tools) -> Written:
    """A quote inside of a field is a quote."""
    rows = [replace(row, text=f'{row.picture + 6}" pizza with cheese') for row in items()]
    return _written(folder, rows, _table(rows))


@layout("by hand", "TSV-like CSV whose texts begin with a quoted word")
def texts_that_begin_with_quotes(folder: Path, _: Tools) -> Written:
    """Of ``"Lorem 1" dolor``, the quotes are part of the text."""
    rows = [replace(row, text=f'"Lorem {row.picture}" dolor sit') for row in items()]
    return _written(folder, rows, _table(rows, delimiter="\t"))


@layout("pandas", "CSV of texts with line ends and doubled quotes")
def texts_of_several_lines(folder: Path, _: Tools) -> Written:
    """Blank lines inside of a field are part of it."""
    rows = [replace(row, text=f'first {row.picture}\nsecond, "line"\n\nthird') for row in items()]
    return _written(folder, rows, _frame(rows).to_csv(index=False))


@layout("by hand", "CSV in which labels are missing as MySQL, SQL Server and pandas write it")
def labels_that_are_missing(folder: Path, _: Tools) -> Written:
    """Whoever exports several sources into one table has several of them."""
    missing = {3: "\\N", 7: "NULL", 11: "nan", 15: "NaN", 19: "<NA>"}
    rows = items(40)
    text = _table([replace(row, labels=(missing.get(row.picture, row.labels[0]),)) for row in rows], '"')
    written = _written(folder, rows, text)
    kept = [row for row in rows if row.picture not in missing]
    return replace(written, rows=kept, rejects=len(missing), says=("data.null_values",))


@layout("pandas", "CSV of countries, one of them NA, which is Namibia")
def countries(folder: Path, _: Tools) -> Written:
    """Its own reader makes NaN of it."""
    rows = [replace(row, labels=(("NA", "NO", "DE")[row.picture % 3],)) for row in items()]
    return replace(_written(folder, rows, _frame(rows).to_csv(index=False)), says=("may be a class",))


@layout("SQLite, by hand", "CSV with NULL where there is no text")
def texts_that_are_null(folder: Path, _: Tools) -> Written:
    """``.nullvalue NULL``."""
    rows = [replace(row, text="" if row.picture % 5 == 0 else f"a picture, number {row.picture}") for row in items()]
    quoted = [replace(row, text=f'"{row.text}"' if row.text else "NULL") for row in rows]
    return _written(folder, rows, _table(quoted))


@layout("pandas", "CSV of class codes 007, 07 and 7, which are three classes")
def codes_with_zeros(folder: Path, _: Tools) -> Written:
    """Zeros before a number are part of a code."""
    rows = [replace(row, labels=(("007", "07", "7")[row.picture % 3],)) for row in items()]
    return _written(folder, rows, _frame(rows).to_csv(index=False))


@layout("pandas", "CSV files put together with cat, so that the header comes twice")
def repeated_header(folder: Path, _: Tools) -> Written:
    """The second header is a row without an image."""
    rows = items()
    text = _frame(rows[:15]).to_csv(index=False) + _frame(rows[15:]).to_csv(index=False)
    return replace(_written(folder, rows, text), rejects=1)


@layout("pandas", "Parquet with the image paths as the index")
def parquet_with_an_index(folder: Path, _: Tools) -> Written:
    """``frame.set_index("image")``."""
    rows = items()
    write_pictures(rows, folder / "images")
    _frame(rows).set_index("image").to_parquet(folder / "rows.parquet")
    return Written(folder / "rows.parquet", rows)


@layout("classic Mac OS, by hand", "CSV whose lines end with a carriage return")
def carriage_returns(folder: Path, _: Tools) -> Written:
    """What Excel for Mac long meant by CSV."""
    rows = items()
    return _written(folder, rows, _table(rows, '"').replace("\n", "\r"))


@layout("Excel, Japanese, by hand", "CSV in CP932")
def japanese(folder: Path, _: Tools) -> Written:
    """Some of its characters have a backslash or a bar for their second byte."""
    rows = [
        replace(row, labels=(("犬", "猫", "鳥")[row.picture % 3],), text=f"左から見た写真 番号{row.picture}、ソフト表")
        for row in items()
    ]
    return _written(folder, rows, _table(rows), "cp932")
