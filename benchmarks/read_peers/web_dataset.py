"""WebDataset: tar files of ``npy`` members, batched by its own collation in this process."""

from __future__ import annotations

from pathlib import Path

import webdataset

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader, ImageTextArrays


def write(source: ImageTextArrays, out: Path) -> None:
    """Writes ``out/*.tar``."""
    with webdataset.ShardWriter(str(out / "%06d.tar"), maxsize=128e6, maxcount=100_000, verbose=0) as writer:
        for number, (image, counts, label) in enumerate(zip(source.images, source.counts, source.labels, strict=True)):
            writer.write({"__key__": f"{number:08d}", "npy": image, "counts.npy": counts, "cls": int(label)})


def batches(out: Path) -> EpochReader:
    """Reads images, and with them counts and labels."""
    files = [str(file) for file in sorted(out.glob("*.tar"))]
    samples = webdataset.WebDataset(files, shardshuffle=False).decode().to_tuple("npy", "counts.npy", "cls")
    return EpochReader(samples.batched(BATCH_SIZE), lambda batch: batch[0])
