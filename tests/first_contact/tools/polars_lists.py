"""Polars: a column of lists, as lines of JSON."""

import json
import sys
from pathlib import Path

import polars as pl

folder, rows = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
for row in rows:
    (folder / f"{row['picture']}.png").write_bytes(Path(row["image"]).read_bytes())
pl.DataFrame(
    {
        "image": [f"{row['picture']}.png" for row in rows],
        "caption": [row["text"] for row in rows],
        "tags": [row["labels"] for row in rows],
    }
).write_ndjson(folder / "rows.ndjson")
