"""Grain: reads an ArrayRecord file with its own threads, parses records and batches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grain.python as grain
import numpy as np
from array_record.python.array_record_module import ArrayRecordWriter

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader, ImageTextArrays

_PIXELS = 128 * 128 * 3


def write(source: ImageTextArrays, out: Path) -> None:
    """Writes ``out/data.array_record``; a record holds pixels, label and counts, one after the other."""
    # Grain's documentation recommends groups of one record for random access.
    writer = ArrayRecordWriter(str(out / "data.array_record"), "group_size:1,uncompressed")
    for image, counts, label in zip(source.images, source.counts, source.labels, strict=True):
        writer.write(image.tobytes() + label.tobytes() + counts.tobytes())
    writer.close()


def _parse(record: bytes) -> dict[str, Any]:
    return {
        "image": np.frombuffer(record, np.uint8, _PIXELS).reshape(128, 128, 3),
        "label": np.frombuffer(record, np.int64, 1, _PIXELS)[0],
        "counts": np.frombuffer(record, np.float32, offset=_PIXELS + 8),
    }


def batches(out: Path) -> EpochReader:
    """Reads images, and with them counts and labels."""
    source = grain.ArrayRecordDataSource(str(out / "data.array_record"))
    dataset = grain.MapDataset.source(source).map(_parse).batch(BATCH_SIZE).to_iter_dataset()
    return EpochReader(dataset, lambda batch: batch["image"])
