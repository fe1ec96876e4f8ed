"""pandas: labels as its users write them. The third argument says how."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

folder, rows, form = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), sys.argv[3]
(folder / "images").mkdir()
names = []
for row in rows:
    names.append(f"images/{row['picture']}.png")
    (folder / names[-1]).write_bytes(Path(row["image"]).read_bytes())
frame = pd.DataFrame({"image": names, "description": [row["text"] for row in rows]})
labels = pd.Series([row["labels"] for row in rows])
if form == "dummies":
    frame["label"] = labels.str[0]
    pd.get_dummies(frame, columns=["label"], dtype=int).to_csv(folder / "rows.csv", index=False)
elif form == "dummies_parquet":
    frame.join(pd.get_dummies(labels.str[0])).to_parquet(folder / "rows.parquet")
elif form == "indicators":
    frame.join(labels.str.join("|").str.get_dummies()).to_csv(folder / "rows.csv", index=False)
elif form == "lists":
    frame.assign(labels=labels).to_csv(folder / "rows.csv", index=False)
elif form == "arrays":
    frame.assign(labels=labels.map(np.array)).to_csv(folder / "rows.csv", index=False)
elif form == "json":
    frame.assign(tags=labels.map(json.dumps)).to_csv(folder / "rows.csv", index=False)
elif form == "lists_parquet":
    frame.assign(labels=labels).to_parquet(folder / "rows.parquet")
elif form == "separated":
    frame.assign(label=labels.str.join(sys.argv[4])).to_csv(folder / "rows.csv", index=False)
elif form in ("gap", "gap_parquet"):
    # A column of integers that lacks one has floats.
    frame["label"] = pd.to_numeric(labels.str[0].replace("", None))
    assert frame["label"].dtype == float
    frame.to_csv(folder / "rows.csv", index=False) if form == "gap" else frame.to_parquet(folder / "rows.parquet")
else:
    raise SystemExit(f"no such form: {form}")
