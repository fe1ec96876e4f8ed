"""Hugging Face ``datasets``: rows whose labels are ``ClassLabel`` features.

The third argument says how they are written: ``parquet``, ``several`` (a list of ``ClassLabel`` in Parquet), ``disk``
(``save_to_disk``) or ``readme`` (Parquet by pandas, which drops the schema's metadata, beside the README.md of a
repository).
"""

import json
import sys
from pathlib import Path

from datasets import ClassLabel, Dataset, DatasetInfo, Features, Image, List, Value

folder, rows, form = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), sys.argv[3]
names = sorted({label for row in rows for label in row["labels"]})
label = ClassLabel(names=names)
features = Features(
    {"image": Image(), "caption": Value("string"), "label": List(label) if form == "several" else label}
)
numbers = [[names.index(each) for each in row["labels"]] for row in rows]
dataset = Dataset.from_dict(
    {
        "image": [{"bytes": Path(row["image"]).read_bytes(), "path": None} for row in rows],
        "caption": [row["text"] for row in rows],
        "label": numbers if form == "several" else [number for (number,) in numbers],
    },
    features=features,
)
if form == "disk":
    dataset.save_to_disk(folder / "rows")
elif form == "readme":
    (folder / "data").mkdir()
    dataset.to_pandas().to_parquet(folder / "data" / "rows.parquet")
    from huggingface_hub import DatasetCard, DatasetCardData

    info = {"dataset_info": DatasetInfo(features=features)._to_yaml_dict()}
    DatasetCard(f"---\n{DatasetCardData(**info)}\n---\n# Rows\n").save(folder / "README.md")
else:
    dataset.to_parquet(folder / "rows.parquet")
