"""The folder of a run with the files that an export reads, and the rows that come back when an export is ingested."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.image_files import encode_pixels
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import SourceFile
from diptych.components.catalogue.records import Record, RecordOptions, build_record
from diptych.models import features
from diptych.models.images.options import ImageOptions
from tests.helpers import SMALL, noise, record_values, write_records

#: Files and examples of each split.
FILES = {"train": (2, 5), "val": (1, 2), "test": (1, 3)}
ANY_TEXTS = (
    "plain",
    "größe 写真 🙂",
    "two\nlines\n",
    "\ufeffmark",
    ' "quoted", ',
    "x\r",
    "a/b.c",
    "z" * 300,
    "é",
    "last",
)


def pixels_of(number: int) -> np.ndarray:
    """uint8 ``[height, width, 3]`` of the example with that number."""
    return noise(number, SMALL.height, SMALL.width)


def values_of(number: int, image: ImageOptions, multilabel: bool) -> dict[str, Any]:
    """The record with that number, from 0 to 9."""
    labels = ("a, b", "cat", "größe")[: 1 + number % 3] if multilabel else ("cat", "dog", "a, b")[number % 3]
    return record_values(
        number,
        id=f"images/{number}.x.png",
        image=encode_pixels(pixels_of(number), image),
        description=ANY_TEXTS[number],
        label=labels,
        group=f"group {number // 2}" if number % 4 else None,
        **{features.ENCODING: image.encoding},
    )


def write_run(
    folder: Path, image: ImageOptions = SMALL, multilabel: bool = False, *, texts: bool = True, **artifacts: Any
) -> Path:
    """Writes the folder of a run with ten examples, and returns it.

    Args:
        multilabel: whether an example may have more than one label.
        texts: whether an example has a description.
        artifacts: outputs of other components, by the component's name, as in the summary.
    """
    number = 0
    labels: dict[str, Counter[str]] = {}
    for split, (files, count) in FILES.items():
        records = [values_of(n, image, multilabel) for n in range(number, number + count)]
        number += count
        if not texts:
            records = [{**values, features.DESCRIPTION: None} for values in records]
        for values in records:
            for label in [values["label"]] if isinstance(values["label"], str) else values["label"]:
                labels.setdefault(label, Counter(dict.fromkeys(FILES, 0)))[split] += 1
        for shard, part in enumerate(np.array_split(np.array(records, object), files)):
            write_records(folder / "examples" / f"Split-{split}" / f"data-{shard:05d}.tfrecord", part)
    account = {
        "rows": number,
        "examples": {split: count for split, (_, count) in FILES.items()},
        "rejects": {},
        "labels": labels,
        "image": image.model_dump(),
        "descriptions": texts,
        "task": "multilabel" if multilabel else "multiclass",
    }
    (folder / "rejects").mkdir()
    (folder / "rejects" / "account.json").write_text(json.dumps(account))
    made = {"examples": str(folder / "examples"), "rejects": str(folder / "rejects")}
    summary = {"status": "succeeded", "artifacts": {"ImageTextExampleGen": made, **artifacts}}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def expected(image: ImageOptions, multilabel: bool) -> dict[str, tuple[Any, ...]]:
    """The examples of such a run: id to description, labels, group and split."""
    splits = [split for split, (_, count) in FILES.items() for _ in range(count)]
    records = [values_of(number, image, multilabel) for number in range(len(splits))]
    return {
        values["id"]: (values["description"], _listed(values["label"]), values["group"], split)
        for values, split in zip(records, splits, strict=True)
    }


def _listed(label: str | Sequence[str]) -> tuple[str, ...]:
    return (label,) if isinstance(label, str) else tuple(sorted(label))


def ingested(catalogue: str, image: ImageOptions, **options: Any) -> dict[str, Record]:
    """Every row of an exported catalogue as ingestion makes it, by id."""
    columns = {"id": "id", **options.pop("columns", {})}
    data = DataOptions(catalogue=catalogue, columns=columns, split_by="group", **options)
    options = RecordOptions(data, image)
    built = [build_record(row, SourceFile("", ""), options) for _, row in Catalogue.open(data).rows()]
    assert all(isinstance(one, Record) for one in built), built
    return {one.id: one for one in built if isinstance(one, Record)}


def read_back(records: Mapping[str, Record]) -> dict[str, tuple[Any, ...]]:
    """Id to description, labels, group and split."""
    return {
        identity: (
            record.values[features.DESCRIPTION],
            record.values[features.LABEL],
            record.values[features.GROUP],
            record.split,
        )
        for identity, record in records.items()
    }
