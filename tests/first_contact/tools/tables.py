"""Tables with image paths, as tools write them; the third argument is the tool, the fourth the form."""

import csv
import json
import sys
from pathlib import Path

folder, rows, tool, form = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), *sys.argv[3:]
(folder / "images").mkdir()
for row in rows:
    (folder / "images" / f"{row['picture']}.png").write_bytes(Path(row["image"]).read_bytes())
table = [
    {"image": f"images/{row['picture']}.png", "description": row["text"], "label": row["labels"][0]} for row in rows
]


def write_pandas() -> None:
    import pandas

    frame = pandas.DataFrame(table)
    forms = {
        "index": lambda: frame.to_csv(folder / "rows.csv"),
        "semicolons": lambda: frame.to_csv(folder / "rows.csv", sep=";", encoding="cp1252", index=False),
        "escapes": lambda: frame.to_csv(
            folder / "rows.csv", sep="\t", quoting=csv.QUOTE_NONE, escapechar="\\", index=False
        ),
        "headless": lambda: frame.to_csv(folder / "rows.csv", sep="|", header=False, index=False),
        "utf-16": lambda: frame.to_csv(folder / "rows.csv", encoding="utf-16", index=False),
        "single": lambda: frame.to_csv(folder / "rows.csv", quotechar="'", quoting=csv.QUOTE_ALL, index=False),
        "gzip": lambda: frame.to_csv(folder / "rows.csv.gz", sep=";", index=False),
        "lines": lambda: frame.to_json(folder / "rows.json", orient="records", lines=True),
        "parquet": lambda: frame.to_parquet(folder / "rows.parquet"),
        "feather": lambda: frame.to_feather(folder / "rows.feather"),
        "xlsx": lambda: frame.to_excel(folder / "rows.xlsx", index=False),
        "merged": lambda: (
            frame.sort_values(["label", "image"]).set_index(["label", "image"]).to_excel(folder / "rows.xlsx")
        ),
        "ods": lambda: frame.to_excel(folder / "rows.ods", engine="odf", index=False),
    }
    if form.startswith("json "):
        frame.to_json(folder / "rows.json", orient=form.removeprefix("json "))
    else:
        forms[form]()


def write_openpyxl() -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    notes = workbook.active
    notes.title = "Notes"
    notes.append(["Collected by", "the museum"])
    sheet = workbook.create_sheet("Pictures")
    sheet.append(["Pictures of 2024"])
    sheet.append([])
    sheet.append(["No.", "image", "description", "label"])
    for number, values in enumerate(table, start=1):
        sheet.append([number, *values.values()])
    workbook.create_sheet("Empty")
    workbook.save(folder / "rows.xlsx")


def write_polars() -> None:
    import polars

    frame = polars.DataFrame(table)
    if form == "csv":
        frame.write_csv(folder / "rows.csv", separator=";", quote_style="always")
    else:
        categorical = frame.with_columns(polars.col("label").cast(polars.Categorical))
        # Old versions of Arrow do not know the types that it writes otherwise.
        categorical.write_ipc(folder / "rows.arrow", compat_level=polars.CompatLevel.oldest())


def write_duckdb() -> None:
    import duckdb

    (folder / "rows.jsonl").write_text("".join(json.dumps(values) + "\n" for values in table))
    duckdb.sql(f"COPY (FROM '{folder}/rows.jsonl') TO '{folder}/rows.csv' (DELIMITER '|', HEADER)")
    (folder / "rows.jsonl").unlink()


def write_datasets() -> None:
    from datasets import Dataset

    dataset = Dataset.from_list(table)
    if form == "csv":
        dataset.to_csv(folder / "rows.csv")
    else:
        dataset.to_json(folder / "rows.json")


{
    "pandas": write_pandas,
    "openpyxl": write_openpyxl,
    "polars": write_polars,
    "duckdb": write_duckdb,
    "datasets": write_datasets,
}[tool]()
