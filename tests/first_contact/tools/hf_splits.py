"""Splits as Hugging Face ``datasets`` writes them; the third argument says how: parquet, arrow or json."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from datasets import DatasetDict, Image
from hf_datasets import embedded, split_datasets

folder, listed, how = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")), sys.argv[3]
splits = DatasetDict(dict(split_datasets(listed)))
if how == "arrow":
    splits.save_to_disk(folder / "pets")
elif how == "parquet":
    # As the Hub's converter names them: configuration, split, number.
    for name, dataset in splits.items():
        (folder / "default" / name).mkdir(parents=True)
        embedded(dataset).to_parquet(folder / "default" / name / "0000.parquet")
else:
    for name, dataset in splits.items():
        labels = dataset.features["label"]
        texts = dataset.cast_column("image", Image(decode=False)).map(
            lambda row, labels=labels: {
                "file": f"images/{Path(row['image']['path']).name}",
                "species": labels.int2str(row["label"]),
            },
            remove_columns=["image", "label"],
        )
        texts.rename_column("file", "image").to_json(folder / f"{name}.jsonl")
    (folder / "images").mkdir()
    for row in listed:
        shutil.copy(row["image"], folder / "images")
