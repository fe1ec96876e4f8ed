"""MosaicML streaming: MDS shards of ndarrays on the local disk, read by ``StreamingDataLoader`` in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from streaming import MDSWriter, StreamingDataLoader, StreamingDataset

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader, ImageTextArrays


def write(source: ImageTextArrays, out: Path) -> None:
    """Writes ``out/shard.*.mds``."""
    columns = {"image": "ndarray:uint8:128,128,3", "counts": "ndarray:float32", "label": "int"}
    with MDSWriter(out=str(out), columns=columns) as writer:
        for image, counts, label in zip(source.images, source.counts, source.labels, strict=True):
            writer.write({"image": np.array(image), "counts": counts, "label": int(label)})


def batches(out: Path) -> EpochReader:
    """Reads images, and with them counts and labels."""
    dataset = StreamingDataset(local=str(out), batch_size=BATCH_SIZE, shuffle=False)
    return EpochReader(StreamingDataLoader(dataset, batch_size=BATCH_SIZE), lambda batch: batch["image"])
