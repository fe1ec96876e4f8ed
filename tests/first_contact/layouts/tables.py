"""Tables in the dialects, documents and files that tools write them in."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.first_contact.layouts import Written, by_script, layout, register
from tests.first_contact.pictures import Item, items
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import write_csv, write_pictures

_HEADER = ["image", "description", "label"]


def _rows() -> list[Item]:
    """Rows whose texts have commas, semicolons, quotes and umlauts."""
    texts = ["{}, seen from the left", 'the "big" one; {}', "schön, grün; {}", "plain {}"]
    return [replace(row, text=texts[row.picture % len(texts)].format(f"number {row.picture}")) for row in items()]


def _table(folder: Path, rows: Sequence[Item]) -> list[list[str]]:
    """Writes the images; returns image path, text and label of each row."""
    write_pictures(rows, folder / "images")
    return [[f"images/{row.picture}.png", row.text, row.labels[0]] for row in rows]


def _by_tool(tool: str, what: str, form: str, file: str, says: tuple[str, ...] = (), name: str | None = None) -> None:
    """A layout that ``tools/tables.py`` writes."""

    script = name or tool.lower()
    register(
        f"{script}_{form}".replace(" ", "_"), tool, what, by_script(("tables.py", script, form), file, _rows, says)
    )


_by_tool("pandas", "CSV with the index as its first column, without a name", "index", "rows.csv")
_by_tool("pandas", "CSV with semicolons, in CP1252", "semicolons", "rows.csv", ("cp1252", "data.table.delimiter"))
_by_tool("pandas", "CSV with tabs, no quotes and a backslash for an escape", "escapes", "rows.csv")
_by_tool("pandas", "CSV with vertical bars and no header", "headless", "rows.csv", ("data.table.header",))
_by_tool("pandas", "CSV in UTF-16", "utf-16", "rows.csv", ("utf-16",))
_by_tool("pandas", "CSV with single quotes about all fields", "single", "rows.csv", ("data.table.quote",))
_by_tool("pandas", "CSV with semicolons, compressed", "gzip", "rows.csv.gz")
_by_tool("pandas", "JSON by columns (to_json)", "json columns", "rows.json")
_by_tool("pandas", "JSON by index (to_json)", "json index", "rows.json")
_by_tool("pandas", "JSON of columns, index and data (to_json, split)", "json split", "rows.json")
_by_tool("pandas", "JSON of records (to_json)", "json records", "rows.json")
_by_tool("pandas", "JSON with a table schema (to_json, table)", "json table", "rows.json")
_by_tool("pandas", "JSON of values, without names (to_json)", "json values", "rows.json", ("data.table.header",))
_by_tool("pandas", "JSON lines in a file .json", "lines", "rows.json")
_by_tool("pandas", "Parquet with image paths", "parquet", "rows.parquet")
_by_tool("pandas", "Feather", "feather", "rows.feather")
_by_tool("pandas", "Excel workbook (to_excel)", "xlsx", "rows.xlsx")
_by_tool("pandas", "Excel workbook of two indexes (to_excel), the labels in merged cells", "merged", "rows.xlsx")
_by_tool("pandas", "OpenDocument spreadsheet (to_excel by odfpy)", "ods", "rows.ods")
_by_tool("openpyxl", "Excel workbook of several sheets, with a title above the table", "xlsx", "rows.xlsx", ("Notes",))
_by_tool("Polars", "CSV with semicolons and quotes about all fields", "csv", "rows.csv")
_by_tool("Polars", "Arrow file with a categorical column, of the oldest compatibility level", "ipc", "rows.arrow")
_by_tool("DuckDB", "CSV with vertical bars", "csv", "rows.csv")
_by_tool("Hugging Face datasets", "CSV of Dataset.to_csv", "csv", "rows.csv", name="datasets")
_by_tool("Hugging Face datasets", "JSON lines of Dataset.to_json in a file .json", "json", "rows.json", name="datasets")


@layout("Excel, German, by hand", "CSV with the line sep=; in CP1252")
def excel_german(folder: Path, _: Tools) -> Written:
    """What "save as CSV" gives where the comma is for decimals."""
    rows = _rows()
    with (folder / "rows.csv").open("w", newline="", encoding="cp1252") as file:
        file.write("sep=;\r\n")
        csv.writer(file, delimiter=";").writerows([_HEADER, *_table(folder, rows)])
    return Written(folder / "rows.csv", rows)


@layout("Excel, by hand", "Unicode text: tabs in UTF-16, in a file .txt")
def excel_unicode_text(folder: Path, _: Tools) -> Written:
    """What "save as Unicode Text" gives."""
    rows = _rows()
    path = write_csv(folder / "rows.txt", _HEADER, _table(folder, rows), "utf-16", dialect="excel-tab")
    return Written(path, rows)


@layout("R, by hand", "write.table: spaces, row names that the header leaves out, escaped quotes")
def r_write_table(folder: Path, _: Tools) -> Written:
    """``write.table(frame, "rows.txt")``."""
    rows = _rows()
    lines = [['"' + field.replace('"', '\\"') + '"' for field in row] for row in _table(folder, rows)]
    text = " ".join(f'"{name}"' for name in _HEADER) + "\n"
    text += "".join(f'"{number}" {" ".join(line)}\n' for number, line in enumerate(lines, start=1))
    (folder / "rows.txt").write_text(text, encoding="utf-8")
    return Written(folder / "rows.txt", rows, says=("data.table.unnamed_field",))


@layout("MySQL, by hand", "SELECT INTO OUTFILE: tabs, backslashes, no header")
def mysql_outfile(folder: Path, _: Tools) -> Written:
    """Tabs and line ends in fields have a backslash before them."""
    rows = [replace(row, text=f"{row.text}\tand\nmore") if row.picture % 3 == 0 else row for row in _rows()]
    lines = [
        "\t".join(field.replace("\\", "\\\\").replace("\t", "\\\t").replace("\n", "\\\n") for field in fields)
        for fields in _table(folder, rows)
    ]
    (folder / "rows.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Written(folder / "rows.txt", rows, says=("data.table.escape", "data.table.header"))


@layout("Python's csv", "the dialect unix: quotes about all fields")
def csv_unix(folder: Path, _: Tools) -> Written:
    """``csv.writer(file, dialect="unix")``."""
    rows = _rows()
    return Written(write_csv(folder / "rows.csv", _HEADER, _table(folder, rows), dialect="unix"), rows)


@layout("by hand", "TSV with lines of comment above and between the rows")
def tsv_with_comments(folder: Path, _: Tools) -> Written:
    """As bioinformaticians write them."""
    rows = items()
    lines = ["# collected in 2024, all rights reserved", "# by hand", "\t".join(_HEADER)]
    lines += ["\t".join(fields) for fields in _table(folder, rows)]
    lines.insert(9, "# a second delivery")
    (folder / "rows.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Written(folder / "rows.tsv", rows, says=("data.table.comment",))


@layout("by hand", "CSV with a title and a blank line above the header, and a delimiter at the end of each row")
def titled_csv(folder: Path, _: Tools) -> Written:
    """As reports are exported."""
    rows = items()
    lines = ["Pictures of the museum", "", ";".join(_HEADER)]
    lines += [";".join(fields) + ";" for fields in _table(folder, rows)]
    (folder / "rows.csv").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8-sig")
    return Written(folder / "rows.csv", rows, says=("data.table.skip_lines", "data.table.unnamed_field"))


@layout("by hand", "CSV of image, label and a text without quotes that holds commas")
def unquoted_last_field(folder: Path, _: Tools) -> Written:
    """The text is the rest of the line."""
    rows = [replace(row, text=f"a bird{', quite small,' * (row.picture % 2)} number {row.picture}") for row in items()]
    lines = [",".join([image, label, text]) for image, text, label in _table(folder, rows)]
    (folder / "rows.csv").write_text("\n".join(["image,label,caption", *lines]) + "\n", encoding="utf-8")
    return Written(folder / "rows.csv", rows, says=("data.table.last_field", "Unsure"))


@layout("by hand", "CSV in which some rows have a comma too many")
def ragged_csv(folder: Path, _: Tools) -> Written:
    """Nobody can tell what the fields of these rows are: they are rejected."""
    rows = items()
    lines = [
        ",".join([image, text.replace(",", "") + ", indeed" * (number in (4, 11)), label])
        for number, (image, text, label) in enumerate(_table(folder, rows))
    ]
    (folder / "rows.csv").write_text("\n".join([",".join(_HEADER), *lines]) + "\n", encoding="utf-8")
    kept = [replace(row, text=row.text.replace(",", "")) for number, row in enumerate(rows) if number not in (4, 11)]
    return Written(folder / "rows.csv", kept, rejects=2)


def _in_encoding(what: str, encoding: str, text: str, labels: Sequence[str]) -> None:
    """A table by Python's csv, whose texts and labels are of a language."""

    def write(folder: Path, _: Tools) -> Written:
        rows = [replace(row, text=f"{text} {row.picture}", labels=(labels[row.picture % 3],)) for row in items()]
        return Written(write_csv(folder / "rows.csv", _HEADER, _table(folder, rows), encoding), rows)

    register(f"csv_in_{encoding}", "Python's csv", f"CSV in {what}", write)


_in_encoding("Shift-JIS, in Japanese", "cp932", "赤い自転車が壁にある、左から見た", ["猫", "犬", "鳥"])
_in_encoding("GBK, in Chinese", "gbk", "红色的自行车靠在墙上，从左边看", ["猫", "狗", "鸟"])
_in_encoding("CP1251, in Russian", "cp1251", "красный велосипед у стены, вид слева", ["кошка", "собака", "птица"])


def _json(what: str, form: str, name: str, make: Callable[[list[list[str]]], str]) -> None:
    """A document of an interface on the web."""

    def write(folder: Path, _: Tools) -> Written:
        rows = _rows()
        (folder / name).write_text(make(_table(folder, rows)), encoding="utf-8")
        return Written(folder / name, rows)

    register(f"json_{form}", "by hand", what, write)


_json(
    "JSON of a web interface: the rows are a list inside of an object",
    "wrapped",
    "answer.json",
    lambda table: json.dumps(
        {
            "version": "1.0",
            "result": {"count": len(table), "items": [dict(zip(_HEADER, row, strict=True)) for row in table]},
        },
        indent=1,
    ),
)
_json(
    "JSON lines with nested objects",
    "nested",
    "rows.jsonl",
    lambda table: "".join(
        json.dumps({"id": n, "file": {"name": image}, "meta": {"caption": text, "class": {"name": label}}}) + "\n"
        for n, (image, text, label) in enumerate(table)
    ),
)
_json(
    "JSON object of rows by their image",
    "keyed",
    "rows.json",
    lambda table: json.dumps({image: {"caption": text, "label": label} for image, text, label in table}),
)
_json(
    "JSON objects one after the other, each over several lines",
    "stream",
    "rows.json",
    lambda table: "\n".join(json.dumps(dict(zip(_HEADER, row, strict=True)), indent=2) for row in table),
)
