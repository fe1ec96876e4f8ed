"""Datasets of Hugging Face for the scripts beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datasets import ClassLabel, Dataset, Features, Image, Value
from datasets.table import embed_table_storage


def split_datasets(listed: list[dict[str, Any]]) -> Iterator[tuple[str, Dataset]]:
    """Datasets of ``image``, ``text`` and ``label`` by the Hub's names of the splits."""
    names = sorted({row["labels"][0] for row in listed})
    features = Features({"image": Image(), "text": Value("string"), "label": ClassLabel(names=names)})
    for split, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        rows = [row for row in listed if row["split"] == split]
        columns = {
            "image": [row["image"] for row in rows],
            "text": [row["text"] for row in rows],
            "label": [names.index(row["labels"][0]) for row in rows],
        }
        yield name, Dataset.from_dict(columns, features=features)


def embedded(dataset: Dataset) -> Dataset:
    """With the bytes of its images, as push_to_hub embeds them before it uploads a shard."""
    return dataset.with_format("arrow").map(embed_table_storage, batched=True).with_format(None)
