"""MosaicML streaming: MDS shards of ndarrays on this disk, and its ``StreamingDataLoader`` in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from streaming import MDSWriter, StreamingDataLoader, StreamingDataset

from benchmarks.read_peers.source import BATCH, Epochs, Source


def write(source: Source, out: Path) -> None:
    """Writes ``out/shard.*.mds``."""
    columns = {"image": "ndarray:uint8:128,128,3", "counts": "ndarray:float32", "label": "int"}
    with MDSWriter(out=str(out), columns=columns) as writer:
        for image, counts, label in zip(source.images, source.counts, source.labels, strict=True):
            writer.write({"image": np.array(image), "counts": counts, "label": int(label)})


def batches(out: Path) -> Epochs:
    """Images; counts and label come with them."""
    dataset = StreamingDataset(local=str(out), batch_size=BATCH, shuffle=False)
    return Epochs(StreamingDataLoader(dataset, batch_size=BATCH), lambda batch: batch["image"])
