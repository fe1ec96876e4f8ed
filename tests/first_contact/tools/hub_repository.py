"""A repository as the Hub has it: Parquet files in ``data/``, named by split, and a README with the features."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from datasets import DatasetInfo
from hf_datasets import embedded, split_datasets
from huggingface_hub import DatasetCard, DatasetCardData

folder, listed = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
(folder / "data").mkdir()
for name, dataset in split_datasets(listed):
    count = 2 if name == "train" else 1
    for shard in range(count):
        part = embedded(dataset.shard(num_shards=count, index=shard, contiguous=True))
        part.to_parquet(folder / "data" / f"{name}-{shard:05d}-of-{count:05d}.parquet")
info = {"dataset_info": DatasetInfo(features=dataset.features)._to_yaml_dict()}
DatasetCard(f"---\n{DatasetCardData(**info)}\n---\n# Pets\n").save(folder / "README.md")
